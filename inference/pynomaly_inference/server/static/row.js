// A pasted row to a request, and rows to start from.

const MEDIAN = 4;
const LARGEST = 8;
const SHOWN_DIGITS = 6;

function field(text) {
  return /^\s|\s$|[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

// JSON goes as it is; anything else is CSV, which the server reads and judges by the features' names.
export function requestOf(text, features) {
  const trimmed = text.trim();
  if (trimmed.startsWith("{") || trimmed.startsWith("[")) {
    return { type: "application/json", body: asBody(trimmed) };
  }
  const names = features.map((feature) => feature.name);
  const rows = trimmed ? trimmed.split(/\r?\n/).map(fieldsOf) : [];
  const table = rows.length && rows[0].some((value) => names.includes(value)) ? rows : [names, ...rows];
  return { type: "text/csv", body: table.map((row) => row.map(field).join(",")).join("\n") };
}

// The fields of a line. Spaces around a comma are typed for the eye: they belong to no value unless it is quoted.
function fieldsOf(line) {
  const fields = [];
  const pattern = /\s*(?:"((?:[^"]|"")*)"|([^,]*?))\s*(?:,|$)/y;
  while (pattern.lastIndex < line.length || line.endsWith(",")) {
    const found = pattern.exec(line);
    if (!found) return line.split(",");
    fields.push(found[1] === undefined ? found[2] : found[1].replaceAll('""', '"'));
    if (pattern.lastIndex >= line.length) {
      if (line[pattern.lastIndex - 1] === "," && found[0].endsWith(",")) fields.push("");
      break;
    }
  }
  return fields;
}

function asBody(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    return text; // the server says where it goes wrong
  }
  if (!Array.isArray(value)) return "rows" in value || "records" in value ? text : `{"records":[${text}]}`;
  if (value.length && typeof value[0] === "object" && value[0] !== null) {
    return Array.isArray(value[0]) ? `{"rows":${text}}` : `{"records":${text}}`;
  }
  return `{"rows":[${text}]}`;
}

// The median of each Number and the first level of each Category: a value for each feature.
export function typicalValues(features) {
  return features.map((feature) => (feature.quantiles ? rounded(feature.quantiles[MEDIAN]) : (feature.levels?.[0] ?? "")));
}

export function typicalRow(features) {
  return asText(typicalValues(features));
}

// Every other Number as far above the training rows as they range.
export function unusualRow(features) {
  const beyond = ({ quantiles }) => rounded(2 * quantiles[LARGEST] - quantiles[0]);
  const typical = typicalValues(features);
  return asText(features.map((feature, index) => (feature.quantiles && index % 2 === 0 ? beyond(feature) : typical[index])));
}

function rounded(value) {
  return Number(value.toPrecision(SHOWN_DIGITS));
}

function asText(values) {
  return values.map((value) => field(String(value))).join(", ");
}
