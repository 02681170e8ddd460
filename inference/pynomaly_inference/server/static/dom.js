// Elements from data: text is always text, never markup.

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

export function fill(id, ...children) {
  document.getElementById(id).replaceChildren(...children);
}

export function facts(id, pairs) {
  const shown = pairs.filter(([, value]) => value !== undefined && value !== null);
  fill(id, ...shown.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}

// Where a value lies between two ends, as a CSS length; set by script, since the page allows no inline styles.
export function share(value, low, high) {
  if (!(high > low)) return "50%";
  return `${Math.min(100, Math.max(0, ((value - low) / (high - low)) * 100))}%`;
}

export function number(value, digits = 4) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return value.toExponential(digits - 1).replace(/\.?0+e/, "e");
  return Number(value.toPrecision(digits)).toLocaleString("en", { maximumFractionDigits: 6 });
}

export function percent(value) {
  return `${number(value * 100, 3)} %`;
}
