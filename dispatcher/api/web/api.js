// Asking the API: with the key of this tab when one is needed, and following its events.

const KEY = "dispatcher-key";

export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export const key = {
  get: () => sessionStorage.getItem(KEY),
  set: (value) => sessionStorage.setItem(KEY, value),
  forget: () => sessionStorage.removeItem(KEY),
};

function headers(more = {}) {
  const token = key.get();
  return token ? { ...more, Authorization: `Bearer ${token}` } : more;
}

async function checked(response) {
  if (response.ok) return response;
  let detail = response.statusText || `HTTP ${response.status}`;
  try {
    detail = (await response.json()).detail ?? detail;
  } catch {
    // A proxy answered, not the API.
  }
  throw new Refused(response.status, detail);
}

export async function get(path) {
  const response = await checked(await fetch(path, { headers: headers() }));
  return response.json();
}

export async function post(path) {
  const once = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
  const asked = { method: "POST", headers: headers({ "Idempotency-Key": once }) };
  return (await checked(await fetch(path, asked))).json();
}

export async function download(path, name) {
  const response = await checked(await fetch(path, { headers: headers() }));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

// Follows /v1/events. EventSource can't send a key, so the stream is read by hand.
// Ends when the stream ends; throws what ended it otherwise. Silence beyond 40 seconds counts as lost:
// the API sends a comment every 15.
export async function follow(after, onOpen, onEvents) {
  const stop = new AbortController();
  let watchdog;
  const alive = () => {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => stop.abort(), 40_000);
  };
  try {
    alive();
    const sent = headers(after === null ? {} : { "Last-Event-ID": String(after) });
    const response = await checked(await fetch("/v1/events", { headers: sent, signal: stop.signal }));
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    let opened = false;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      alive();
      text += value;
      if (!opened) {
        opened = true;
        onOpen();
      }
      const frames = text.split("\n\n");
      text = frames.pop();
      const events = frames.map(parsed).filter((event) => event !== null);
      if (events.length) onEvents(events);
    }
  } finally {
    clearTimeout(watchdog);
    stop.abort();
  }
}

function parsed(frame) {
  const data = frame
    .split("\n")
    .filter((line) => line.startsWith("data: "))
    .map((line) => line.slice(6));
  return data.length ? JSON.parse(data.join("\n")) : null;
}
