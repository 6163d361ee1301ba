// The products on the shelves.

import { get } from "./requests.js";

/** Those that have a picture of their own; others get a parcel. */
const PICTURES = ["apple", "banana"];

/** Shows what `store` sells; `add` takes the product that a customer chose. */
export function start(store, add) {
  const reload = document.getElementById("reload");
  reload.addEventListener("click", () => load(store, add, reload));
  return load(store, add, reload);
}

async function load(store, add, reload) {
  const [state, error] = ["catalogue-state", "catalogue-error"].map((id) => document.getElementById(id));
  state.textContent = "Looking at the shelves…";
  error.textContent = "";
  reload.hidden = true;
  try {
    const products = await get(`${store}/products`);
    document.getElementById("products").replaceChildren(...products.map((product) => card(product, add)));
    state.textContent = products.length === 0 ? "The shelves are empty." : "";
  } catch (failure) {
    state.textContent = "";
    error.textContent = failure.message;
    reload.hidden = false;
  }
}

function card(product, add) {
  const item = document.getElementById("product").content.cloneNode(true).firstElementChild;
  const name = product.name.toLowerCase();
  item.querySelector("img").src = `./${PICTURES.includes(name) ? name : "parcel"}.svg`;
  item.querySelector("h3").textContent = product.name;
  item.querySelector(".price").textContent = product.price;
  const button = item.querySelector("button");
  button.ariaLabel = `Add to basket: ${product.name}, ${product.price}`;
  button.addEventListener("click", () => add(product));
  return item;
}
