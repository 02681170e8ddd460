"""The generated messages are those of the .proto beside them."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[5]
PROTO = "pynomaly_inference/server/rpc/open_inference.proto"


def test_the_messages_that_are_kept_are_what_the_compiler_writes(tmp_path: Path) -> None:
    source = ROOT / "inference"
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", "-I", source, f"--python_out={tmp_path}", f"--pyi_out={tmp_path}",
         source / PROTO],
        check=True,
    )  # fmt: skip

    for suffix in ("_pb2.py", "_pb2.pyi"):
        name = PROTO.replace(".proto", suffix)
        assert (tmp_path / name).read_text() == (source / name).read_text(), "make generate writes them"


def test_grpc_is_imported_only_where_it_is_switched_on() -> None:
    program = (
        "import sys\nimport pynomaly_inference.server.serve, pynomaly_inference.cli.serve\n"
        "print(sorted({'grpc', 'google.protobuf'} & sys.modules.keys()))"
    )
    environment = {"PYTHONPATH": str(ROOT / "inference"), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "[]\n"
