// How an alarm, a trunk, a campaign and a call look. `act` and `save` are what their buttons do.

import { ago, badge, bar, button, el, percent, words } from "/web/shapes.js";

const TONES = {
  delivered: "good", acknowledged: "good", resolved: "good", finished: "good", up: "good",
  active: "live", running: "live", open: "bad", failed: "bad", exhausted: "bad", blocked: "bad", down: "bad",
  expired: "warn", paused: "warn", queued: "quiet", draft: "quiet", cancelled: "quiet",
};
const tone = (word) => TONES[word] ?? "warn";

export function alarmCard(alarm, act) {
  const isOpen = alarm.status === "open";
  const taken = alarm.status === "acknowledged" && alarm.acknowledged_by ? ` by ${alarm.acknowledged_by}` : "";
  const counts = Object.entries(alarm.call_counts).map(([word, number]) => `${number} ${word}`);
  return el("article", { class: "card alarm", "data-severity": alarm.severity, "data-live": String(isOpen) },
    el("div", { class: "top" },
      el("h3", {}, alarm.summary),
      el("span", {}, badge(alarm.severity, alarm.severity === "critical" ? "bad" : "warn"), " ",
        badge(`${words(alarm.status)}${taken}`, tone(alarm.status)))),
    el("p", { class: "facts" },
      el("span", {}, ago(alarm.created_at), " ago"),
      el("span", {}, `from ${alarm.source}`),
      alarm.acknowledged_by && !taken ? el("span", {}, `acknowledged by ${alarm.acknowledged_by}`) : null,
      alarm.occurrences > 1 ? el("span", {}, `raised ${alarm.occurrences} times`) : null,
      counts.length ? el("span", {}, `calls: ${counts.join(", ")}`) : null),
    alarm.calls.length ? el("ul", { class: "people" }, alarm.calls.map((call) =>
      el("li", {}, el("strong", {}, call.whom), stateBadge(call), el("span", { class: "small" }, call.waits)))) : null,
    isOpen ? el("div", { class: "actions" }, button("Acknowledge", "acknowledge",
      (event) => act(event, `/v1/alarms/${alarm.id}/acknowledge`), `Acknowledge ${alarm.summary}`)) : null);
}

export function person(call) {
  const target = call.number ?? call.extension ?? call.user ?? "";
  const waits = call.waiting_for ?? "";
  return { id: call.id, whom: call.name ? `${call.name} (${target})` : target, state: call.state, outcome: call.outcome, waits };
}

function stateBadge(call) {
  const told = call.state === "failed" && call.outcome ? `failed: ${call.outcome}` : call.state;
  return badge(told, tone(call.state));
}

export function trunkCard(trunk) {
  const { ours, others } = trunk.channels_in_use;
  const free = Math.max(0, trunk.channels - ours - others);
  const why = trunk.health.down_why || trunk.health.blocked_why;
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

export function campaignCard(campaign, act, save) {
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
    campaign.paused_why ? el("p", { class: "small bad" }, `paused: ${campaign.paused_why}`) : null,
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

// A call may be delivered already while the person is still on the telephone.
export function isUp(call) {
  const attempt = call.attempts.at(-1);
  return call.state === "active" || (attempt !== undefined && attempt.phase !== "ended");
}

export function begun(call) {
  return call.attempts.at(-1)?.dialed_at ?? call.updated_at;
}

export function callRow(call) {
  const attempt = call.attempts.at(-1);
  const place = attempt ? `${attempt.pbx}${attempt.trunk ? `/${attempt.trunk}` : ""}` : "";
  const tries = attempt && attempt.ordinal > 1 ? `, attempt ${attempt.ordinal}` : "";
  const key = attempt?.digits ? ` key ${attempt.digits}` : "";
  const told = call.waiting_for ? [call.waiting_for] : [stateBadge(call), key, isUp(call) ? " still on the telephone" : ""];
  return el("div", { class: call.over ? "row over" : "row" },
    el("strong", {}, person(call).whom),
    el("span", { class: "why quiet" }, call.reason),
    ago(begun(call)),
    el("span", { class: "what" }, told),
    el("span", { class: "small" }, `${place}${tries}`));
}
