// The page: chooses a model, shows its card, scores a pasted row.

import { KeyNeeded, card as fetchCard, isToken, models as fetchModels, score, useKey } from "./api.js";
import { showCard } from "./card.js";
import { fill, make } from "./dom.js";
import { showResult } from "./result.js";
import { requestOf, typicalRow, typicalValues, unusualRow } from "./row.js";

const byId = (id) => document.getElementById(id);
let card;

async function start() {
  show({ failure: false, key: false });
  try {
    const names = await fetchModels();
    fill("model", ...names.map((name) => make("option", { value: name }, name)));
    show({ chooser: names.length > 1 });
    await open(names[0]);
  } catch (error) {
    fail(error);
  }
}

async function open(name) {
  card = await fetchCard(name);
  showCard(card);
  byId("model").value = name;
  byId("row").value = typicalRow(card.features);
  fill("order", `Order: ${card.features.map((feature) => feature.name).join(", ")}`);
  fill("curl", curl(card));
  fill("wrong");
  fill("result");
  show({ content: true });
}

function fail(error) {
  if (error instanceof KeyNeeded) {
    show({ content: false, key: true });
    byId("key-value").focus();
    return;
  }
  show({ failure: true });
  fill("failure", error.message);
}

function show(visible) {
  for (const [id, shown] of Object.entries(visible)) byId(id).hidden = !shown;
}

function curl(card) {
  const rows = JSON.stringify({ rows: [typicalValues(card.features)] }).replaceAll("'", "'\\''");
  const url = new URL(`v1/score?model=${encodeURIComponent(card.name)}`, location.href);
  const given = byId("key-value").value.trim();
  const key = given ? ` -H "${isToken(given) ? "Authorization: Bearer" : "X-API-Key:"} $KEY"` : "";
  return `curl '${url}'${key} -H 'Content-Type: application/json' -d '${rows}'`;
}

async function submit(event) {
  event.preventDefault();
  const button = event.target.querySelector("button[type=submit]");
  button.disabled = true;
  fill("wrong");
  try {
    showResult(card, await score(card, requestOf(byId("row").value, card.features)));
  } catch (error) {
    fill("result");
    if (error instanceof KeyNeeded) fail(error);
    else fill("wrong", error.message);
  } finally {
    button.disabled = false;
  }
}

function fillIn(row) {
  byId("row").value = row(card.features);
  byId("score").requestSubmit();
}

byId("score").addEventListener("submit", submit);
byId("typical").addEventListener("click", () => fillIn(typicalRow));
byId("extreme").addEventListener("click", () => fillIn(unusualRow));
byId("model").addEventListener("change", (event) => open(event.target.value).catch(fail));
byId("row").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("score").requestSubmit();
});
byId("key-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  useKey(byId("key-value").value.trim());
  fill("key-wrong");
  await start();
  if (!byId("key").hidden) fill("key-wrong", "The server does not know this key.");
});
start();
