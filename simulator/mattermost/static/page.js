// Redraws once a second what changed, never what somebody is typing in; and does what is clicked.
"use strict";
const REGIONS = [".sidebar", ".top", ".posts", ".compose", "#screen"];
const me = document.body.dataset.me;
const find = (name, root = document) => root.querySelector(name);
const stateOf = (box) => box?.dataset.key ?? box?.outerHTML;
const drawn = Object.fromEntries(REGIONS.map((name) => [name, stateOf(find(name))]));
const atEnd = (box) => box.scrollHeight - box.scrollTop - box.clientHeight < 40;
const typing = (box) => box.contains(document.activeElement) && document.activeElement.matches("input, select, textarea");

// --- what is shown

function show(html) {
  const next = document.createElement("template");
  next.innerHTML = html;
  if (REGIONS.some((name) => !find(name) !== !find(name, next.content))) return location.reload();
  for (const name of REGIONS) {
    const now = find(name, next.content), was = find(name);
    if (!now || stateOf(now) === drawn[name] || (typing(was) && name !== "#screen")) continue;
    drawn[name] = stateOf(now);
    const kept = { end: atEnd(was), top: was.scrollTop, left: was.scrollLeft, open: find("details[open]", was), text: find("textarea", was)?.value };
    was.replaceWith(now);
    now.scrollTop = name === ".posts" && kept.end ? now.scrollHeight : kept.top;
    now.scrollLeft = kept.left;
    if (kept.open) find("details", now)?.setAttribute("open", "");
    if (name === ".compose" && kept.text && find("textarea", now)) find("textarea", now).value = kept.text;
  }
  const dialog = find("dialog");
  if (dialog && !dialog.open) open(dialog);
}

function open(dialog) {
  dialog.showModal();
  find(".field :is(input, textarea, select)", dialog)?.focus();
}

let asked = 0;
async function refresh() {
  const mine = ++asked;
  const answer = await fetch(`${location.pathname}?part=1&as=${me}`);
  const html = await answer.text();
  if (answer.ok && mine === asked) show(html);
}

async function follow() {
  // A simulator that was stopped leaves the page as it was; it is asked again.
  await refresh().catch(() => {});
  setTimeout(follow, 1000);
}

let hiding = 0;
function complain(words) {
  const toast = find("#toast");
  toast.textContent = words;
  toast.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => { toast.hidden = true; }, 8000);
}

// --- what somebody does

async function send(path, body) {
  const head = { "Content-Type": "application/json" };
  const asked = { method: "POST", headers: head, body: JSON.stringify(body) };
  const answer = await fetch(`/_sim/as/${me}/${path}`, asked).catch(() => null);
  const value = answer ? await answer.json().catch(() => ({})) : {};
  if (!answer?.ok) complain(value.message || "The simulator did not answer.");
  else find("#toast").hidden = true;
  refresh().catch(() => {});
  return answer?.ok ? value : null;
}

async function press(control, option = "") {
  const { post, action, cookie } = control.dataset;
  control.disabled = true;
  await send(`api/posts/${post}/actions/${action}`, { selected_option: option, cookie });
  control.disabled = false;
}

async function say(form) {
  const box = find("textarea", form), text = box.value;
  const { channel, team } = form.dataset;
  if (!text.trim()) return;
  box.value = "";
  hint(form);
  const command = text.startsWith("/");
  const done = command
    ? await send("api/commands/execute", { channel_id: channel, team_id: team, command: text.trim() })
    : await send("api/posts", { channel_id: channel, message: text });
  if (!done && !box.value) box.value = text;
  if (command && done?.goto_location) window.open(done.goto_location, "_blank", "noopener");
  const posts = find(".posts");
  posts.scrollTop = posts.scrollHeight;
}

const valueOf = (field) => field.type === "checkbox" ? field.checked
  : field.value === "" ? (field.defaultValue ? "" : null)
  : field.type === "number" ? Number(field.value) : field.value;

async function submit(dialog, cancelled) {
  const fields = [...dialog.querySelectorAll("[name]")], button = find("[type=submit]", dialog);
  const values = Object.fromEntries(fields.map((field) => [field.name, valueOf(field)]));
  button.disabled = true;
  if (cancelled) dialog.remove();
  const answer = await send("dialog", { values, cancelled });
  button.disabled = false;
  const errors = answer?.errors ?? {};
  const words = !answer ? find("#toast").textContent : answer.error;
  for (const line of dialog.querySelectorAll(".error")) {
    line.textContent = (line.parentElement.dataset.field ? errors[line.parentElement.dataset.field] : words) ?? "";
    line.hidden = !line.textContent;
  }
  find(".error:not([hidden])", dialog)?.scrollIntoView({ block: "nearest" });
}

// --- the message box

function hint(form) {
  const box = find("textarea", form), list = find(".hints", form);
  box.style.height = "auto";
  box.style.height = `${Math.min(box.scrollHeight, 160)}px`;
  const [word, ...rest] = box.value.split(/\s/);
  const fits = (one) => rest.length ? `/${one.trigger}` === word.toLowerCase() : `/${one.trigger}`.startsWith(word.toLowerCase());
  const found = word.startsWith("/") ? JSON.parse(form.dataset.commands).filter(fits) : [];
  list.replaceChildren(...found.map((one) => {
    const item = document.createElement("li"), name = document.createElement("b"), about = document.createElement("small");
    item.setAttribute("role", "option");
    item.dataset.trigger = one.trigger;
    name.textContent = `/${one.trigger}`;
    about.textContent = one.auto_complete_desc;
    item.append(name, ` ${one.auto_complete_hint}`, about);
    return item;
  }));
  list.hidden = !found.length;
}

function complete(form, trigger) {
  const box = find("textarea", form);
  if (!/\s/.test(box.value)) box.value = `/${trigger} `;
  box.focus();
  hint(form);
}

document.addEventListener("input", (event) => {
  if (event.target.closest(".compose form")) hint(event.target.form);
});
document.addEventListener("keydown", (event) => {
  const form = event.target.closest?.(".compose form");
  if (!form || event.isComposing) return;
  const first = find(".hints li", form), box = find("textarea", form);
  const half = first && !/\s/.test(box.value) && box.value.toLowerCase() !== `/${first.dataset.trigger}`;
  if (event.key === "Tab" && first && !/\s/.test(box.value)) complete(form, first.dataset.trigger);
  else if (event.key === "Enter" && !event.shiftKey) half ? complete(form, first.dataset.trigger) : say(form);
  else return;
  event.preventDefault();
});
document.addEventListener("submit", (event) => {
  event.preventDefault();
  const dialog = event.target.closest("dialog");
  dialog ? submit(dialog, false) : say(event.target);
});
document.addEventListener("change", (event) => {
  const chosen = event.target;
  if (chosen.id === "me") location.search = chosen.value ? `?as=${chosen.value}` : "";
  if (!chosen.matches("select[data-action]") || !chosen.value) return;
  chosen.blur();
  press(chosen, chosen.value).then(() => { chosen.value = ""; });
});
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  if (link?.origin === location.origin) Object.assign(link, { target: "", search: me && `?as=${me}` });
  const { dataset } = event.target.closest("[data-action], [data-dismiss], [data-join], [data-cancel], [data-trigger]") ?? {};
  if (!dataset || event.target.closest("select")) return;
  if ("action" in dataset) press(event.target.closest("button"));
  if ("dismiss" in dataset) send("dismiss", { post: dataset.dismiss });
  if ("join" in dataset) send(`api/channels/${dataset.join}/members`, { user_id: dataset.user });
  if ("cancel" in dataset) submit(event.target.closest("dialog"), true);
  if ("trigger" in dataset) complete(event.target.closest("form"), dataset.trigger);
});
document.addEventListener("cancel", (event) => {
  event.preventDefault();
  if (event.target.matches("dialog")) submit(event.target, true);
}, true);

if (find(".posts")) find(".posts").scrollTop = find(".posts").scrollHeight;
find(".here")?.scrollIntoView({ block: "nearest", inline: "center" });
if (find("dialog")) open(find("dialog"));
follow();
