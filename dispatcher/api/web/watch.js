// The page that watches: alarms, live calls, campaigns and trunks, as they change.

import { Refused, download, follow, get, key, post } from "/web/api.js";
import { ago, arrange, badge, bar, button, el, percent, refreshTimes, words } from "/web/shapes.js";

const MOST_CALLS = 100;
const LINGER = 8_000; // milliseconds for which an ended call is still shown
const REFRESH = 1_500; // milliseconds between two looks at trunks and campaigns

const at = (id) => document.getElementById(id);
const state = { alarms: new Map(), campaigns: new Map(), calls: new Map(), trunks: [], lastId: null };
const OPEN = ["queued", "active"];
const TONES = {
  delivered: "good", acknowledged: "good", resolved: "good", finished: "good", up: "good",
  active: "live", running: "live", open: "bad", failed: "bad", exhausted: "bad", blocked: "bad", down: "bad",
  expired: "warn", paused: "warn", queued: "quiet", draft: "quiet", cancelled: "quiet",
};
const tone = (word) => TONES[word] ?? "warn";

// ---- what the API tells ----

async function load() {
  const [alarms, campaigns] = await Promise.all([get("/v1/alarms?limit=30"), get("/v1/campaigns?limit=20")]);
  state.alarms = new Map(alarms.items.map((alarm) => [alarm.id, alarm]));
  state.campaigns = new Map(campaigns.items.map((campaign) => [campaign.id, campaign]));
  state.calls.clear();
  const open = alarms.items.filter((alarm) => alarm.status === "open");
  const running = campaigns.items.filter((campaign) => ["running", "paused"].includes(campaign.status));
  const found = await Promise.all([
    ...open.map((alarm) => get(`/v1/alarms/${alarm.id}`).then((whole) => whole.calls)),
    ...running.map((one) => get(`/v1/campaigns/${one.id}/calls?state=active&limit=${MOST_CALLS}`).then((page) => page.items)),
    refresh(),
  ]);
  for (const call of found.flat().filter(Boolean)) state.calls.set(call.id, call);
}

async function refresh() {
  const moving = [...state.campaigns.values()].filter((one) => one.status === "running" || one.stale);
  const [trunks, ...campaigns] = await Promise.all([
    get("/v1/trunks?limit=500"),
    ...moving.map((campaign) => get(`/v1/campaigns/${campaign.id}`)),
  ]);
  state.trunks = trunks.items;
  for (const campaign of campaigns) state.campaigns.set(campaign.id, campaign);
}

function take(event) {
  const now = event.current;
  if (event.subject === "alarm" && now) {
    if (!state.alarms.has(now.id) && now.status === "open") speak(`${now.severity} alarm: ${now.summary}`);
    state.alarms.set(now.id, now);
  } else if (event.subject === "campaign" && now) {
    state.campaigns.set(now.id, { ...state.campaigns.get(now.id), ...now, stale: true });
  } else if (event.subject === "call" && now) {
    const wasOpen = OPEN.includes(state.calls.get(now.id)?.state ?? "active");
    state.calls.set(now.id, { ...now, over: OPEN.includes(now.state) || !wasOpen ? undefined : Date.now() });
  }
  if (event.campaign_id && state.campaigns.has(event.campaign_id)) state.campaigns.get(event.campaign_id).stale = true;
}

// ---- what is shown ----

let drawing = false;
function draw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    drawAlarms();
    drawTrunks();
    drawCampaigns();
    drawCalls();
  });
}

function drawAlarms() {
  const isOpen = (alarm) => alarm.status === "open";
  const all = [...state.alarms.values()].sort((one, other) =>
    isOpen(other) - isOpen(one) || other.created_at.localeCompare(one.created_at));
  const open = all.filter(isOpen).length;
  at("alarms-count").textContent = open ? `${open} open` : "";
  document.title = open ? `(${open}) Dispatcher` : "Dispatcher";
  const calls = [...state.calls.values()];
  const shown = all.slice(0, Math.max(open, 8)).map((alarm) => ({
    ...alarm,
    calls: isOpen(alarm) ? calls.filter((call) => call.alarm_id === alarm.id).map(person) : [],
  }));
  arrange(at("alarms"), shown, { keyOf: (alarm) => alarm.id, make: alarmCard, none: "No alarms." });
}

function alarmCard(alarm) {
  const isOpen = alarm.status === "open";
  const name = alarm.acknowledged_by ? ` by ${alarm.acknowledged_by}` : "";
  const counts = Object.entries(alarm.call_counts).map(([word, number]) => `${number} ${word}`);
  return el("article", { class: "card alarm", "data-severity": alarm.severity, "data-live": isOpen },
    el("div", { class: "top" },
      el("h3", {}, alarm.summary),
      el("span", {}, badge(alarm.severity, alarm.severity === "critical" ? "bad" : "warn"), " ",
        badge(`${words(alarm.status)}${name}`, tone(alarm.status)))),
    el("p", { class: "facts" },
      el("span", {}, ago(alarm.created_at), " ago"),
      el("span", {}, `from ${alarm.source}`),
      alarm.occurrences > 1 ? el("span", {}, `raised ${alarm.occurrences} times`) : null,
      counts.length ? el("span", {}, `calls: ${counts.join(", ")}`) : null),
    alarm.calls.length ? el("ul", { class: "people" }, alarm.calls.map((call) =>
      el("li", {}, el("strong", {}, call.whom), stateBadge(call), el("span", { class: "small" }, call.waits)))) : null,
    isOpen ? el("div", { class: "actions" }, button("Acknowledge", "acknowledge",
      (event) => act(event, `/v1/alarms/${alarm.id}/acknowledge`), `Acknowledge ${alarm.summary}`)) : null);
}

function person(call) {
  const target = call.number ?? call.extension ?? call.user ?? "";
  const waits = call.waiting_for ?? "";
  return { id: call.id, whom: call.name ? `${call.name} (${target})` : target, state: call.state, outcome: call.outcome, waits };
}

function stateBadge(call) {
  const told = call.state === "failed" && call.outcome ? `failed: ${call.outcome}` : call.state;
  return badge(told, tone(call.state));
}

function drawTrunks() {
  arrange(at("trunks"), state.trunks, {
    keyOf: (trunk) => `${trunk.pbx}/${trunk.name}`, make: trunkCard, none: "No trunks are configured.",
  });
}

function trunkCard(trunk) {
  const { ours, others } = trunk.channels_in_use;
  const free = Math.max(0, trunk.channels - ours - others);
  const why = trunk.health.blocked_why;
  return el("article", { class: "card" },
    el("div", { class: "top" }, el("h3", {}, `${trunk.pbx}/${trunk.name}`), badge(trunk.health.state, tone(trunk.health.state))),
    bar("channels", [["in use by us", ours, "live meter-live"], ["in use by others", others, "warn"], ["free", free, "unused"]]),
    el("p", { class: "facts" },
      el("span", {}, `${ours} of ${trunk.channels} channels`),
      others ? el("span", {}, `${others} by others`) : null,
      trunk.reserved_for_alarms ? el("span", {}, `${trunk.reserved_for_alarms} kept for alarms`) : null,
      trunk.calls_per_second ? el("span", {}, `${trunk.calls_per_second} calls/s`) : null),
    why ? el("p", { class: "small bad" }, why) : null);
}

function drawCampaigns() {
  const rank = (one) => ["running", "paused", "draft"].indexOf(one.status) >>> 0;
  const all = [...state.campaigns.values()].sort((one, other) =>
    rank(one) - rank(other) || other.created_at.localeCompare(one.created_at));
  const running = all.filter((one) => one.status === "running").length;
  at("campaigns-count").textContent = running ? `${running} running` : "";
  const shown = all.slice(0, 12).map(({ stale, ...campaign }) => campaign);
  arrange(at("campaigns"), shown, { keyOf: (one) => one.id, make: campaignCard, none: "No campaigns." });
}

function campaignCard(campaign) {
  const counts = campaign.counts;
  const total = Object.values(counts).reduce((sum, number) => sum + number, 0);
  const ended = total - counts.queued - counts.active;
  const rates = campaign.status === "running" ? campaign.rates : undefined;
  const step = { running: "pause", paused: "resume" }[campaign.status];
  return el("article", { class: "card" },
    el("div", { class: "top" }, el("h3", {}, campaign.name), badge(campaign.status, tone(campaign.status))),
    bar("calls", [["delivered", counts.delivered, "good"], ["failed", counts.failed, "bad"],
      ["expired", counts.expired, "warn"], ["cancelled", counts.cancelled, "quiet"],
      ["active", counts.active, "live meter-live"], ["queued", counts.queued, "unused"]]),
    el("p", { class: "facts" },
      el("span", {}, `${ended} of ${total} done`),
      ...["delivered", "failed", "active", "queued", "expired", "cancelled"].filter((word) => counts[word]).map((word) =>
        el("span", {}, el("span", { class: tone(word) }, "■ "), `${counts[word]} ${word}`)),
      typeof rates?.answered === "number" ? el("span", {}, `${percent(rates.answered)} answered`) : null,
      rates ? el("span", {}, `${Math.round(rates.per_minute)} a minute`) : null,
      rates && campaign.estimated_end ? el("span", {}, `ends about ${clock(campaign.estimated_end)}`) : null),
    el("div", { class: "actions" },
      step ? button(step === "pause" ? "Pause" : "Resume", "step",
        (event) => act(event, `/v1/campaigns/${campaign.id}/${step}`), `${step} ${campaign.name}`) : null,
      ended ? button("Results", "results", (event) => save(event, campaign), `Results of ${campaign.name} as CSV`) : null));
}

function clock(instant) {
  const when = new Date(instant);
  const today = when.toDateString() === new Date().toDateString();
  return today ? when.toLocaleTimeString([], { timeStyle: "short" }) : when.toLocaleString([], { dateStyle: "short", timeStyle: "short" });
}

function drawCalls() {
  for (const [id, call] of state.calls) {
    const gone = call.over ? Date.now() - call.over > LINGER : !OPEN.includes(call.state);
    const wanted = call.alarm_id && state.alarms.get(call.alarm_id)?.status === "open";
    if (gone && !wanted) state.calls.delete(id);
  }
  const live = [...state.calls.values()].filter((call) => call.state === "active" || call.over);
  const active = live.filter((call) => call.state === "active").length;
  at("calls-count").textContent = active ? String(active) : "";
  live.sort((one, other) => Boolean(one.over) - Boolean(other.over) || begun(one).localeCompare(begun(other)));
  const shown = live.slice(0, MOST_CALLS).map((call) => ({ ...call, reason: reason(call) }));
  arrange(at("calls"), shown, { keyOf: (call) => call.id, make: callRow, none: "No call is up." });
}

function begun(call) {
  return call.attempts.at(-1)?.dialed_at ?? call.updated_at;
}

function reason(call) {
  const owner = call.alarm_id ? state.alarms.get(call.alarm_id)?.summary : state.campaigns.get(call.campaign_id)?.name;
  return owner ?? (call.alarm_id ? "an alarm" : "a campaign");
}

function callRow(call) {
  const attempt = call.attempts.at(-1);
  const place = attempt ? `${attempt.pbx}${attempt.trunk ? `/${attempt.trunk}` : ""}` : "";
  const tries = attempt && attempt.ordinal > 1 ? `, attempt ${attempt.ordinal}` : "";
  const told = call.over ? [stateBadge(call), attempt?.digits ? ` key ${attempt.digits}` : ""] : [call.waiting_for ?? ""];
  return el("div", { class: call.over ? "row over" : "row" },
    el("strong", {}, person(call).whom),
    el("span", { class: "why" }, reason(call)),
    el("span", { class: "small" }, `${place}${tries}`),
    el("span", { class: "what" }, told),
    ago(begun(call)));
}

// ---- what people do ----

async function act(event, path) {
  const pressed = event.currentTarget;
  pressed.disabled = true;
  try {
    await post(path);
    tell("");
  } catch (error) {
    tell(error instanceof Refused ? error.message : "The dispatcher can't be reached.");
  } finally {
    pressed.disabled = false;
  }
}

async function save(event, campaign) {
  try {
    await download(`/v1/campaigns/${campaign.id}/results.csv`, `campaign-${campaign.id}.csv`);
  } catch (error) {
    tell(error.message);
  }
}

function tell(text) {
  at("notice").textContent = text;
  at("notice").hidden = !text;
}

function speak(text) {
  at("spoken").textContent = text;
}

function link(word, text) {
  at("link").dataset.state = word;
  if (at("link").textContent !== text) at("link").textContent = text;
}

function askForKey(why) {
  return new Promise((resolve) => {
    if (why) at("sign-in-why").textContent = why;
    at("key-form").onsubmit = () => {
      key.set(at("key").value.trim());
      at("key").value = "";
      at("forget").hidden = false;
      resolve();
    };
    at("sign-in").oncancel = (event) => event.preventDefault();
    at("sign-in").showModal();
  });
}

// ---- staying in touch ----

let due = false;
function onEvents(events) {
  for (const event of events) {
    take(event);
    state.lastId = event.id;
  }
  due = true;
  draw();
}

async function onOpen() {
  try {
    await load();
    link("live", "Live");
    draw();
  } catch (error) {
    if (!(error instanceof Refused)) link("lost", "Connection lost; trying again…");
  }
}

async function stayInTouch() {
  let pause = 500;
  for (;;) {
    try {
      await follow(state.lastId, () => { pause = 500; onOpen(); }, onEvents);
    } catch (error) {
      if (error instanceof Refused && [401, 403].includes(error.status)) {
        link("waiting", "Waiting for a key");
        await askForKey(key.get() ? `That key does not do: ${error.message}.` : "");
        continue;
      }
    }
    link("lost", "Connection lost; trying again…");
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(pause * 2, 10_000);
  }
}

setInterval(async () => {
  refreshTimes();
  drawCalls();
  if (!due || at("link").dataset.state !== "live") return;
  due = false;
  try {
    await refresh();
    draw();
  } catch {
    due = true;
  }
}, REFRESH);

at("forget").hidden = !key.get();
at("forget").addEventListener("click", () => {
  key.forget();
  location.reload();
});
stayInTouch();
