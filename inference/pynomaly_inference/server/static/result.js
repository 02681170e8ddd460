// What the model says of the rows that were scored.

import { fill, make, number, percent, share } from "./dom.js";

const MOST_ROWS = 200;
const MOST_FEATURES = 20;

export function showResult(card, answer) {
  if (answer.scores.length === 1) {
    fill("result", ...single(card, answer));
  } else {
    fill("result", table(answer));
  }
}

function single(card, answer) {
  const [score] = answer.scores;
  const [probability] = answer.probabilities;
  const anomaly = answer.labels[0] === 1;
  const verdict = make(
    "p",
    { class: "verdict" },
    make("strong", { class: anomaly ? "anomaly" : "normal", id: "label" }, anomaly ? "Anomaly" : "Normal"),
    make("span", {}, anomaly ? "The score is above the threshold." : "The score is not above the threshold."),
  );
  const parts = [verdict, scoreMeasure(card, score, answer.threshold, anomaly), probabilityMeasure(probability, anomaly)];
  if (answer.contributions) parts.push(contributions(card, answer.contributions[0]));
  return parts;
}

function scoreMeasure(card, score, threshold, anomaly) {
  const q = card.scoreQuantiles;
  const low = Math.min(q[0], score, threshold);
  const high = Math.max(q[8], score, threshold);
  const usual = make("span", { class: "usual" });
  const tick = make("span", { class: "tick" });
  const dot = make("span", { class: "dot" });
  usual.style.left = share(q[2], low, high);
  usual.style.width = share(q[6] - q[2], 0, high - low);
  tick.style.left = share(threshold, low, high);
  dot.style.left = share(score, low, high);
  return make(
    "div",
    { class: "measure" },
    make("div", { class: "labels" }, make("span", {}, "Score"), make("b", { id: "score-value", "data-value": score }, number(score, 6))),
    make("div", { class: anomaly ? "track alarm" : "track", "aria-hidden": "true" }, usual, tick, dot),
    make("p", { class: "hint" }, `Threshold ${number(threshold)} (the line). ${place(card, score)} The band holds the middle 90 % of them.`),
  );
}

function place(card, score) {
  const q = card.scoreQuantiles;
  if (score > q[8]) return "Higher than every training score.";
  if (score < q[0]) return "Lower than every training score.";
  const above = card.quantileLevels.filter((_, index) => q[index] <= score);
  return `Higher than at least ${number(above.at(-1) * 100, 3)} % of the training scores.`;
}

function probabilityMeasure(probability, anomaly) {
  const bar = make("span", { class: "fill" });
  bar.style.width = share(probability, 0, 1);
  return make(
    "div",
    { class: "measure" },
    make("div", { class: "labels" }, make("span", {}, "Probability"), make("b", { id: "probability", "data-value": probability }, percent(probability))),
    make("div", { class: anomaly ? "track alarm" : "track", "aria-hidden": "true" }, bar),
  );
}

function contributions(card, values) {
  const order = values.map((_, index) => index).sort((a, b) => Math.abs(values[b]) - Math.abs(values[a]));
  const low = Math.min(0, ...values);
  const high = Math.max(0, ...values);
  const items = order.slice(0, MOST_FEATURES).map((index) => {
    const value = values[index];
    const bar = make("span", { class: value < 0 ? "bar-fill less" : "bar-fill" });
    bar.style.left = share(Math.min(0, value), low, high);
    bar.style.width = high > low ? share(Math.abs(value), 0, high - low) : "0";
    return make(
      "li",
      {},
      make("span", { class: "name" }, card.features[index].name),
      make("span", { class: "bar-track", "aria-hidden": "true" }, bar),
      make("span", { class: "amount", "data-value": value }, number(value)),
    );
  });
  const rest = values.length - items.length;
  return make(
    "div",
    { class: "contributions" },
    make("h3", {}, "What each feature adds"),
    make("ol", {}, ...items),
    rest > 0 ? make("p", { class: "hint" }, `${rest} features that add less are not shown.`) : undefined,
  );
}

function table(answer) {
  const head = ["Row", "Score", "Label", "Probability"].map((name, index) => make("th", { scope: "col", class: index ? "number" : undefined }, name));
  const rows = answer.scores.slice(0, MOST_ROWS).map((score, index) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, String(index + 1)),
      make("td", { class: "number" }, number(score)),
      make("td", { class: "number" }, answer.labels[index] ? "Anomaly" : "Normal"),
      make("td", { class: "number" }, percent(answer.probabilities[index])),
    ),
  );
  return make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
}
