// The basket and the checkout.

import { cents, text } from "./money.js";
import { Failure, post } from "./requests.js";

/** The most that one order may have. */
const MOST = 100;

/** By product id, in the order in which they were added. */
const lines = new Map();
/** Names this basket to the store, so that asking again, after a lost answer too, places no second order. */
let key = newKey();

const element = (id) => document.getElementById(id);

/** Calls `changed` with the number of things in the basket, `placed` with the id of an order, `say` with what happened. */
export function start(store, customer, { needAccount, changed, placed, say }) {
  element("check-out").addEventListener("submit", (event) => {
    event.preventDefault();
    const who = customer();
    if (who === null) {
      needAccount();
    } else {
      checkOut(store, who, placed);
    }
  });
  const show = () => {
    render(update);
    changed(count());
  };
  function update(product, by) {
    change(product, by);
    show();
    const line = lines.get(product.id);
    say(line ? `${product.name}: ${line.count} in the basket.` : `${product.name} is no longer in the basket.`);
    return line;
  }
  show();
  return {
    add: (product) => update(product, 1),
    clear: () => {
      lines.clear();
      show();
    },
    /** The same things for another customer are another order. */
    renew: () => {
      key = newKey();
    },
  };
}

function count() {
  return [...lines.values()].reduce((sum, line) => sum + line.count, 0);
}

function change(product, by) {
  const now = lines.get(product.id)?.count ?? 0;
  if (count() + by > MOST) {
    refuse(new Failure(`An order may have at most ${MOST} things.`));
    return;
  }
  refuse(new Failure(""));
  element("order").hidden = true;
  key = newKey();
  if (now + by === 0) {
    lines.delete(product.id);
  } else {
    lines.set(product.id, { product, count: now + by });
  }
}

async function checkOut(store, who, placed) {
  const button = element("buy");
  if (button.ariaBusy === "true") {
    return;
  }
  button.ariaBusy = "true";
  refuse(new Failure(""));
  const items = [...lines.values()].flatMap(({ product, count }) => Array(count).fill(product.id));
  try {
    const order = await post(`${store}/checkout`, { user_id: who.id, items }, { "idempotency-key": key });
    key = newKey();
    placed(order.order_id);
  } catch (failure) {
    refuse(failure);
  } finally {
    button.ariaBusy = "false";
  }
}

/** What is wrong stands below the basket, and at each line that it is about. */
function refuse(failure) {
  if (!(failure instanceof Failure)) {
    throw failure;
  }
  element("basket-error").textContent = failure.message;
  for (const item of element("lines").children) {
    const gone = failure.ids.includes(Number(item.dataset.id));
    item.querySelector(".error").textContent = gone ? "No longer for sale: take it out." : "";
  }
}

function render(update) {
  const focused = document.activeElement?.closest(".line");
  const step = document.activeElement?.className;
  element("lines").replaceChildren(...[...lines.values()].map((line) => row(line, update)));
  element("basket-empty").hidden = lines.size > 0;
  element("check-out").hidden = lines.size === 0;
  const total = [...lines.values()].reduce((sum, line) => sum + price(line), 0n);
  element("total").textContent = text(total);
  if (focused) {
    focusAgain(focused.dataset.id, step);
  }
}

/** The button that was pressed has been drawn anew, or is gone with its line. */
function focusAgain(id, step) {
  const again = [...element("lines").children].find((item) => item.dataset.id === id);
  const button = again?.getElementsByClassName(step)[0];
  (button ?? element("basket-title")).focus();
}

function row(line, update) {
  const { product, count } = line;
  const item = element("line").content.cloneNode(true).firstElementChild;
  item.dataset.id = product.id;
  item.querySelector(".name").textContent = product.name;
  item.querySelector("output").textContent = count;
  item.querySelector(".price").textContent = text(price(line));
  for (const [name, by, label] of [["less", -1, "One less"], ["more", 1, "One more"]]) {
    const button = item.querySelector(`.${name}`);
    button.ariaLabel = `${label}: ${product.name}`;
    button.addEventListener("click", () => update(product, by));
  }
  return item;
}

function price({ product, count }) {
  return cents(product.price) * BigInt(count);
}

/** `crypto.randomUUID` is for pages from HTTPS or from this machine only. */
function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
