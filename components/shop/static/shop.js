// The page: finds its services, and lets its parts know of each other.

import * as account from "./account.js";
import * as basket from "./basket.js";
import * as catalogue from "./catalogue.js";
import * as inbox from "./inbox.js";
import { get } from "./requests.js";

const element = (id) => document.getElementById(id);

/** For those who do not see the page change. */
function say(text) {
  element("said").textContent = text;
}

/** A step of the way through the shop. */
function mark(step, done) {
  document.querySelector(`[data-step="${step}"]`).classList.toggle("done", done);
}

async function start() {
  const services = await get("./services.json");
  inbox.start(services.mails);
  const held = basket.start(services.store, account.customer, {
    needAccount: account.ask,
    changed: (count) => mark("basket", count > 0),
    placed: (order) => {
      held.clear();
      confirm(order);
      inbox.expect(account.customer(), order, (subject) => {
        mark("mail", true);
        say(`Mail arrived: ${subject}.`);
      });
    },
    say,
  });
  account.start(services.users, (who) => {
    mark("account", who !== null);
    mark("order", false);
    mark("mail", false);
    element("order").hidden = true;
    held.renew();
    inbox.clear();
  });
  await catalogue.start(services.store, (product) => {
    mark("order", false);
    mark("mail", false);
    held.add(product);
  });
}

function confirm(id) {
  const order = element("order");
  order.textContent = `Thank you! Order ${id} is placed.`;
  order.hidden = false;
  order.focus();
  mark("basket", true);
  mark("order", true);
  mark("mail", false);
}

start().catch((failure) => {
  element("trouble").textContent = failure.message;
});
