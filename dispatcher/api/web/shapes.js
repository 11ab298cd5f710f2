// What the page is made of. Texts only ever become text nodes: nothing from outside is read as HTML.

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "onclick") node.addEventListener("click", value);
    else if (name === "grow") node.style.flexGrow = String(value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

// Brings a container's children in line with `items`. What has not changed stays untouched, and a
// button that has the keyboard's focus keeps it.
export function arrange(container, items, { keyOf, make, none }) {
  const known = container.shapes ?? new Map();
  const focused = document.activeElement?.dataset?.action;
  const holder = document.activeElement?.closest?.("[data-key]")?.dataset.key;
  const next = new Map();
  const nodes = items.map((item) => {
    const key = keyOf(item);
    const signature = JSON.stringify(item);
    let shape = known.get(key);
    if (shape?.signature !== signature) {
      shape = { signature, node: make(item) };
      shape.node.dataset.key = key;
    }
    next.set(key, shape);
    return shape.node;
  });
  container.shapes = next;
  const wanted = nodes.length ? nodes : [el("p", { class: "empty" }, none)];
  const same = wanted.length === container.children.length && wanted.every((node, at) => container.children[at] === node);
  if (same || (!nodes.length && container.querySelector(":scope > .empty"))) return;
  container.replaceChildren(...wanted);
  if (focused && holder) {
    const again = next.get(holder)?.node.querySelector(`[data-action="${CSS.escape(focused)}"]`);
    again?.focus({ preventScroll: true });
  }
}

export function badge(text, tone = "quiet") {
  return el("span", { class: `badge ${tone}` }, words(text));
}

export function words(name) {
  return String(name ?? "").replaceAll("_", " ");
}

export function button(text, action, onclick, label) {
  return el("button", { type: "button", "data-action": action, "aria-label": label, onclick }, text);
}

// A time that keeps telling how long ago it was.
export function ago(instant) {
  return el("time", { datetime: instant, title: new Date(instant).toLocaleString(), "data-ago": true }, span(instant));
}

export function span(instant) {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(instant)) / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d`;
}

export function refreshTimes() {
  for (const node of document.querySelectorAll("time[data-ago]")) {
    node.textContent = span(node.getAttribute("datetime"));
  }
}

export function percent(share) {
  return `${Math.round(share * 1000) / 10} %`;
}

export function bar(label, parts) {
  const shown = parts.filter(([, number]) => number > 0);
  const told = shown.map(([name, number]) => `${number} ${words(name)}`).join(", ");
  return el(
    "div",
    { class: "bar", role: "img", "aria-label": `${label}: ${told || "none"}` },
    shown.map(([, number, tone]) => el("span", { class: tone, grow: number })),
  );
}
