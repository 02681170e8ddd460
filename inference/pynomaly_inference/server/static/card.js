// The model card.

import { facts, fill, make, number, percent, share } from "./dom.js";

const MEDIAN = 4;

export function showCard(card) {
  document.title = `${card.name} · Pynomaly`;
  fill("overline", `${card.algorithm.name} · version ${card.version}`);
  fill("name", card.name);
  fill("meaning", card.meaning);
  fill("chips", ...chips(card).map((text) => make("li", {}, text)));
  fill("tiles", ...tiles(card).map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
  fill("features", ...card.features.map(featureRow));
  showEvaluation(card.evaluation);
  showParity(card.parity);
  showOrigin(card);
}

function chips(card) {
  const parameters = Object.entries(card.algorithm.parameters).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  return [
    `semantics ${card.semantics}`,
    ...parameters,
    card.explains ? "explains each score" : "no explanations",
    card.missingValues ? "missing values are imputed" : "no missing values",
    card.keepsTrainingRows ? "holds training rows" : "holds no training rows",
  ];
}

function tiles(card) {
  const { rocAuc, averagePrecision, anomalyRate } = card.evaluation;
  return [
    ["threshold", number(card.threshold)],
    ...(rocAuc == null ? [] : [["ROC AUC", number(rocAuc)]]),
    ...(averagePrecision == null ? [] : [["average precision", number(averagePrecision)]]),
    ["anomaly rate", percent(anomalyRate)],
    ["contamination", percent(card.contamination)],
    ["training rows", card.trainingRows.toLocaleString("en")],
  ];
}

function featureRow(feature) {
  const name = make("th", { scope: "row" }, feature.name, make("small", {}, feature.type));
  if (!feature.quantiles) {
    const levels = feature.levels ?? [];
    const shown = levels.slice(0, 12).map((level) => level || "(empty)").join(", ");
    const rest = levels.length > 12 ? ` and ${levels.length - 12} more` : "";
    return make("tr", {}, name, make("td", { class: "number" }, levels[0] || "–"), make("td", {}, shown + rest));
  }
  const q = feature.quantiles;
  const bar = make("span", { class: "range", "aria-hidden": "true" }, make("span", { class: "usual" }), make("span", { class: "tick" }));
  bar.children[0].style.left = share(q[2], q[0], q[8]);
  bar.children[0].style.width = share(q[6] - q[2], 0, q[8] - q[0]);
  bar.children[1].style.left = share(q[MEDIAN], q[0], q[8]);
  const ends = make("span", { class: "ends" }, make("span", {}, number(q[0])), make("span", {}, number(q[8])));
  return make("tr", {}, name, make("td", { class: "number" }, number(q[MEDIAN])), make("td", {}, bar, ends));
}

function showEvaluation(evaluation) {
  const rows = evaluation.rows.toLocaleString("en");
  fill("evaluated", evaluation.heldOut ? `Over ${rows} rows that training did not see.` : `Over the ${rows} training rows: none were held out.`);
  facts("evaluation", [
    ["Anomalies by the label", evaluation.anomalies?.toLocaleString("en")],
    ["Anomalies by the model", percent(evaluation.anomalyRate)],
    ["ROC AUC", optional(evaluation.rocAuc)],
    ["Average precision", optional(evaluation.averagePrecision)],
    ["Precision at n", optional(evaluation.precisionAtN)],
  ]);
}

function optional(value) {
  return value == null ? undefined : number(value);
}

function showParity(parity) {
  fill("parity-reference", `Compared with ${parity.reference}; allowed: ${parity.tolerance} of the score.`);
  facts("parity", [
    ...Object.entries(parity.cases).map(([name, one]) => [
      name,
      `${one.rows.toLocaleString("en")} rows, worst at ${percent(one.worst)} of the tolerance`,
    ]),
    ["On the threshold", `${parity.rowsWithinThresholdBand.toLocaleString("en")} rows`],
  ]);
}

function showOrigin(card) {
  facts("origin", [
    ["Digest", make("code", {}, `sha256:${card.digest}`)],
    ["Training data", make("code", {}, `sha256:${card.dataFingerprint}`)],
    ["Libraries", Object.entries(card.versions).map(([name, value]) => `${name} ${value}`).join(", ") || null],
  ]);
}
