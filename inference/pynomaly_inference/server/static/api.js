// What the page asks the server. Every failure is an Error whose message is the server's own sentence.

let key = "";

export class KeyNeeded extends Error {}

/** Whether it has a JSON Web Token's three parts. */
export function isToken(value) {
  return value.split(".").length === 3;
}

export function useKey(value) {
  key = value;
}

async function ask(path, options = {}) {
  const headers = { ...options.headers };
  if (key) headers[isToken(key) ? "Authorization" : "X-API-Key"] = isToken(key) ? `Bearer ${key}` : key;
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch {
    throw new Error("The server does not answer. Is it still running?");
  }
  const answer = await response.json().catch(() => ({}));
  if (response.status === 401) throw new KeyNeeded("The server does not know this key.");
  if (!response.ok) throw new Error(answer.detail ?? answer.error ?? `The server answered ${response.status}.`);
  return answer;
}

export async function models() {
  return (await ask("v1/models")).models;
}

export function card(name) {
  return ask(`v1/card?model=${encodeURIComponent(name)}`);
}

export function score(card, request) {
  const query = new URLSearchParams({ model: card.name });
  if (card.explains) query.set("explain", "true");
  return ask(`v1/score?${query}`, {
    method: "POST",
    headers: { "Content-Type": request.type },
    body: request.body,
  });
}
