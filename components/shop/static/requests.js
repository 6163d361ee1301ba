// Calls of the services, and what went wrong in words for the customer.

const LABELS = {
  email: "The email address",
  password: "The password",
  items: "The basket",
  user_id: "The account",
};

const AWAY = "A part of the shop is away just now. Nothing is lost: try again in a moment.";

/** Longer than any service takes to say that it has no answer. */
const TIMEOUT_MS = 15_000;

/** What went wrong: `message` is for the customer, `field` names what it is about, if the service said so. */
export class Failure extends Error {
  constructor(message, problem = {}) {
    super(message);
    this.field = problem.field;
    this.ids = problem.ids ?? [];
  }
}

export function get(url) {
  return send(url, {});
}

export function post(url, body, headers = {}) {
  const json = { "content-type": "application/json" };
  return send(url, { method: "POST", headers: { ...json, ...headers }, body: JSON.stringify(body) });
}

async function send(url, options) {
  const response = await answer(url, options);
  const body = await response.json().catch(() => ({}));
  if (response.ok) {
    return body;
  }
  throw new Failure(response.status >= 500 ? AWAY : inWords(body.detail), body);
}

async function answer(url, options) {
  try {
    return await fetch(url, { ...options, signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch {
    throw new Failure(`There is no answer from ${new URL(url, location.href).origin}. Is the store running? Try again.`);
  }
}

/** The services name fields as programs do. */
function inWords(detail = "The shop did not understand this page. Reload it.") {
  return detail.replace(/`([^`]+)`/g, (_, field) => LABELS[field.split("[")[0]] ?? field);
}
