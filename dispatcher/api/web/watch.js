// The page that watches: alarms, live calls, campaigns and trunks, as they change.

import { Refused, download, follow, get, key, post } from "/web/api.js";
import { alarmCard, begun, callRow, campaignCard, isUp, person, trunkCard } from "/web/cards.js";
import { arrange, refreshTimes } from "/web/shapes.js";

const MOST_CALLS = 100;
const LINGER = 8_000; // milliseconds for which an ended call is still shown
const REFRESH = 1_500; // milliseconds between two looks at trunks and campaigns

const at = (id) => document.getElementById(id);
const state = { alarms: new Map(), campaigns: new Map(), calls: new Map(), trunks: [], lastId: null };
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
    const over = isUp(now) || now.state === "queued" ? undefined : (state.calls.get(now.id)?.over ?? Date.now());
    state.calls.set(now.id, { ...now, over });
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
  arrange(at("alarms"), shown, { keyOf: (alarm) => alarm.id, make: (alarm) => alarmCard(alarm, act), none: "No alarms." });
}

function drawTrunks() {
  arrange(at("trunks"), state.trunks, {
    keyOf: (trunk) => `${trunk.pbx}/${trunk.name}`, make: trunkCard, none: "No trunks are configured.",
  });
}

function drawCampaigns() {
  const rank = (one) => ["running", "paused", "draft"].indexOf(one.status) >>> 0;
  const all = [...state.campaigns.values()].sort((one, other) =>
    rank(one) - rank(other) || other.created_at.localeCompare(one.created_at));
  const running = all.filter((one) => one.status === "running").length;
  at("campaigns-count").textContent = running ? `${running} running` : "";
  const shown = all.slice(0, 12).map(({ stale, ...campaign }) => campaign);
  arrange(at("campaigns"), shown, { keyOf: (one) => one.id, make: (one) => campaignCard(one, act, save), none: "No campaigns." });
}

function drawCalls() {
  for (const [id, call] of state.calls) {
    const gone = call.over ? Date.now() - call.over > LINGER : !isUp(call);
    const wanted = call.alarm_id && state.alarms.get(call.alarm_id)?.status === "open";
    if (gone && !wanted) state.calls.delete(id);
  }
  const live = [...state.calls.values()].filter((call) => isUp(call) || (call.over && Date.now() - call.over <= LINGER));
  const active = live.filter(isUp).length;
  at("calls-count").textContent = active ? String(active) : "";
  live.sort((one, other) => Boolean(one.over) - Boolean(other.over) || begun(one).localeCompare(begun(other)));
  const shown = live.slice(0, MOST_CALLS).map((call) => ({ ...call, reason: reason(call) }));
  arrange(at("calls"), shown, { keyOf: (call) => call.id, make: callRow, none: "No call is up." });
}

function reason(call) {
  const owner = call.alarm_id ? state.alarms.get(call.alarm_id)?.summary : state.campaigns.get(call.campaign_id)?.name;
  return owner ?? (call.alarm_id ? "an alarm" : "a campaign");
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
    state.lastId = Math.max(state.lastId ?? 0, event.id);
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
    pause = Math.min(pause * 2, 4_000);
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
