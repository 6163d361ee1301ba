// The customer's mails, as the mailbox has them that stands in for SendGrid.

import { Failure, get } from "./requests.js";

const PAUSE_MS = 700;
/** A mail takes less than a second; one whose first attempts failed takes longer. */
const PATIENCE_MS = 60_000;

const element = (id) => document.getElementById(id);

let hasMailbox = false;
/** Counts what was waited for: an older wait ends when there is a newer. */
let wait = 0;

export function start(mails) {
  hasMailbox = mails;
  element("inbox-state").textContent = mails
    ? "A confirmation comes here once you have ordered."
    : "This shop sends real mail: the confirmation comes to your own mailbox.";
}

/** Another customer has other mails. */
export function clear() {
  wait += 1;
  element("mails").replaceChildren();
  start(hasMailbox);
}

/** Waits for the confirmation of an order, and calls `arrived` when it is there. */
export async function expect(who, order, arrived) {
  if (!hasMailbox) {
    return;
  }
  const subject = `Your order ${order}`;
  const mine = ++wait;
  const again = element("look-again");
  again.hidden = true;
  again.onclick = () => expect(who, order, arrived);
  state("The mail is on its way…", true);
  const mails = await until(PATIENCE_MS, () => mine !== wait, () => mailsTo(who, subject));
  if (mine !== wait) {
    return;
  }
  if (mails === null) {
    again.hidden = false;
    state("No mail yet: it is tried again until it can be sent.", false);
    return;
  }
  state("", false);
  show(mails);
  arrived(subject);
}

/** What `look` finds, or null after so many milliseconds. */
async function until(patience, given_up, look) {
  const end = performance.now() + patience;
  while (!given_up() && performance.now() < end) {
    const found = await look();
    if (found !== null) {
      return found;
    }
    await new Promise((resume) => setTimeout(resume, PAUSE_MS));
  }
  return null;
}

/** All mails of the customer, once one with this subject is among them. */
async function mailsTo(who, subject) {
  try {
    const mails = await get(`./mails?to=${encodeURIComponent(who.email)}`);
    return mails.some((mail) => mail.subject === subject) ? mails : null;
  } catch (failure) {
    if (failure instanceof Failure) {
      return null;
    }
    throw failure;
  }
}

function state(text, waiting) {
  element("inbox-state").textContent = text;
  element("inbox-state").classList.toggle("waiting", waiting);
}

function show(mails) {
  element("mails").replaceChildren(...mails.toReversed().map(letter));
}

function letter(mail) {
  const item = element("mail").content.cloneNode(true).firstElementChild;
  item.querySelector("h3").textContent = mail.subject;
  item.querySelector(".muted").textContent = `${mail.from} to ${mail.to.join(", ")}`;
  item.querySelector(".text").textContent = mail.content.trim();
  return item;
}
