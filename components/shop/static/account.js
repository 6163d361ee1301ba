// The account: sign-up, and who the customer is for as long as the page is open in this tab.

import { Failure, post } from "./requests.js";

const FIELDS = ["email", "password"];
const KEPT = "customer";

/** The customer, or null. */
export function customer() {
  return JSON.parse(sessionStorage.getItem(KEPT));
}

/** Asks `users` for an account, and calls `changed` whenever there is another customer, or none. */
export function start(users, changed) {
  const form = document.getElementById("sign-up");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    signUp(form, users, changed);
  });
  document.getElementById("leave").addEventListener("click", () => {
    sessionStorage.removeItem(KEPT);
    show(form, changed);
    form.elements.email.focus();
  });
  show(form, changed);
}

/** Says beside the form what it is needed for, and goes there. */
export function ask() {
  say("sign-up", "Sign up first, so that we know where to send the confirmation.");
  document.getElementById("email").focus();
}

async function signUp(form, users, changed) {
  const button = form.querySelector("button");
  if (button.ariaBusy === "true") {
    return;
  }
  button.ariaBusy = "true";
  clear();
  const { email, password } = form.elements;
  try {
    const { user_id: id, email: kept } = await post(`${users}/signup`, { email: email.value, password: password.value });
    sessionStorage.setItem(KEPT, JSON.stringify({ id, email: kept }));
    form.reset();
    show(form, changed);
    document.getElementById("customer").focus();
  } catch (failure) {
    refuse(form, failure);
  } finally {
    button.ariaBusy = "false";
  }
}

function refuse(form, failure) {
  if (!(failure instanceof Failure)) {
    throw failure;
  }
  const field = FIELDS.find((name) => name === failure.field);
  say(field ?? "sign-up", failure.message);
  if (field) {
    form.elements[field].ariaInvalid = "true";
    form.elements[field].focus();
  }
}

function clear() {
  for (const name of [...FIELDS, "sign-up"]) {
    say(name, "");
  }
  for (const name of FIELDS) {
    document.getElementById(name).ariaInvalid = "false";
  }
}

function say(name, message) {
  document.getElementById(`${name}-error`).textContent = message;
}

function show(form, changed) {
  const who = customer();
  clear();
  form.hidden = who !== null;
  document.getElementById("signed-up").hidden = who === null;
  document.getElementById("customer-email").textContent = who?.email ?? "";
  document.getElementById("customer-id").textContent = who?.id ?? "";
  changed(who);
}
