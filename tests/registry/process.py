"""`python process.py`: a registry on DATABASE that takes a token for the name of its service account."""

import asyncio
import logging
import os

from pynomaly_inference.registry.auth import Review
from pynomaly_inference.registry.main import serve
from pynomaly_inference.registry.settings import RegistrySettings


class Trusting:
    async def review(self, token: str, audience: str) -> Review:
        return Review(True, f"system:serviceaccount:{token}", (audience,))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    settings = RegistrySettings(database=os.environ["DATABASE"], operator="pynomaly:operator", port=0)
    asyncio.run(serve(settings, Trusting()))
