/* SPDX-License-Identifier: ISC */
/*
 * The web panel: a client of the REST API and nothing more. The token stays in sessionStorage, which ends with the tab. Everything that comes
 * from the API goes into the page by textContent.
 */
"use strict";

const $ = (id) => document.getElementById(id);
const sections = ["overview", "calls", "extensions", "records", "trace"];
let timer = 0;
let turn = 0;	/* counts changes of view: an answer for an older one is dropped */

class ApiError extends Error {
	constructor(status, message) {
		super(message);
		this.status = status;
	}
}

async function api(method, path, body) {
	const headers = { Authorization: "Bearer " + sessionStorage.getItem("token") };

	if (body !== undefined)
		headers["Content-Type"] = "application/json";
	const answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), cache: "no-store" });
	const doc = await answer.json().catch(() => ({}));
	if (!answer.ok)
		throw new ApiError(answer.status, doc.error || "status " + answer.status);
	return doc;
}

function notice(text) {
	$("notice").textContent = text || "";
	$("notice").hidden = !text;
}

function failed(error) {
	if (error instanceof ApiError && error.status === 401) {
		logout();
		notice("This token is not valid (any more).");
	} else if (error instanceof ApiError) {
		notice(error.message);
	} else {
		notice("apid does not answer.");
	}
}

function el(tag, text, className) {
	const e = document.createElement(tag);

	if (text !== undefined)
		e.textContent = text;
	if (className)
		e.className = className;
	return e;
}

function button(text, className, action) {
	const b = el("button", text, className);

	b.type = "button";
	b.addEventListener("click", () => action().catch(failed));
	return b;
}

/* rows: arrays of text or elements */
function fill(id, rows, columns, empty) {
	const out = rows.map((cells) => {
		const tr = el("tr");

		for (const cell of cells) {
			const td = el("td", cell instanceof Node ? undefined : cell);

			if (cell instanceof Node)
				td.append(cell);
			tr.append(td);
		}
		return tr;
	});
	if (out.length === 0) {
		const td = el("td", empty, "empty");

		td.colSpan = columns;
		out.push(el("tr"));
		out[0].append(td);
	}
	$(id).replaceChildren(...out);
}

function figures(id, pairs) {
	$(id).replaceChildren(...pairs.map(([name, value]) => {
		const div = el("div");

		div.append(el("dt", name), el("dd", String(value)));
		return div;
	}));
}

const when = (iso) => iso ? new Date(iso).toLocaleString() : "–";
const length = (s) => Math.floor(s / 60) + ":" + String(s % 60).padStart(2, "0");
const yes = (b) => el("span", b ? "yes" : "no", b ? "yes" : "no");

function trace_link(id) {
	const a = el("a", "trace");

	a.href = "#trace/" + id;
	return a;
}

const views = {
	async overview(fresh) {
		const s = await api("GET", "/api/v1/status");
		if (!fresh())
			return;
		$("daemons").replaceChildren(...[["apid", true], ["featured", s.running], ["sipd", s.sipd_up], ["mediad", s.mediad_up],
			["PostgreSQL", s.database_up]].map(([name, up]) => el("li", name + (up ? "" : " is away"), up ? "up" : "down")));
		figures("figures", [["active calls", s.active_calls], ["registered", s.registered_extensions], ["calls so far", s.total_calls],
			["records waiting", s.spooled_cdrs]]);
		try {
			const d = await api("GET", "/api/statistics");
			if (fresh())
				figures("today", [["calls", d.total_calls], ["answered", d.answered_calls], ["answer rate", d.answer_rate + " %"],
					["talked", length(d.total_billsec)]]);
		} catch (error) {
			if (error.status !== 503)
				throw error;
			if (fresh())
				figures("today", [["figures", "not now: " + error.message]]);
		}
	},
	async calls(fresh) {
		const calls = await api("GET", "/api/v1/calls");
		if (!fresh())
			return;
		fill("call-rows", calls.map((c) => {
			const what = el("span");

			what.append(button("Hang up", "danger", async () => {
				if (!confirm("End the call from " + c.from + " to " + c.to + "?"))
					return;
				await api("DELETE", "/api/v1/calls/" + c.call_id);
				show();
			}), " ", trace_link(c.call_id));
			return [c.from_name ? c.from + " (" + c.from_name + ")" : c.from, c.to, c.state, when(c.start_time), length(c.duration), what];
		}), 6, "No calls now.");
	},
	async extensions(fresh) {
		const list = await api("GET", "/api/v1/extensions");
		if (!fresh())
			return;
		fill("extension-rows", list.map((e) => [e.number, e.name, yes(e.registered), String(e.contacts), e.contact, e.user_agent,
			e.registered ? when(e.expires) : "–"]), 7, "No extensions.");
	},
	async records(fresh) {
		const query = new URLSearchParams({ limit: $("limit").value || "100" });

		if ($("date").value)
			query.set("date", $("date").value);
		const list = await api("GET", "/api/cdr?" + query);
		if (!fresh())
			return;
		fill("record-rows", list.map((c) => [when(c.start_time), c.from_extension, c.to_extension, c.disposition.replace("_", " "),
			c.answered_by || "–", c.transferred_to || "–", length(c.billsec), c.hangup_cause, trace_link(c.call_id)]), 9, "No records.");
	},
	async trace(fresh, id) {
		$("trace-id").textContent = id;
		const doc = await api("GET", "/api/v1/calls/" + encodeURIComponent(id) + "/trace");
		if (!fresh())
			return;
		fill("trace-rows", doc.trace.map((t) => [t.time.substring(11, 23), t.source, t.event, t.detail]), 4, "No trace is kept of this call.");
	},
};

/* Views that change by themselves are asked for again. */
const again_ms = { overview: 3000, calls: 2000, extensions: 5000 };

async function show() {
	const [wanted, id] = location.hash.substring(1).split("/");
	const name = sections.includes(wanted) ? wanted : "overview";
	const mine = ++turn;
	const logged_in = sessionStorage.getItem("token") !== null;

	clearTimeout(timer);
	$("login").hidden = logged_in;
	$("nav").hidden = $("logout").hidden = !logged_in;
	for (const s of sections)
		$(s).hidden = !logged_in || s !== name;
	for (const a of document.querySelectorAll("nav a"))
		a.toggleAttribute("aria-current", a.hash === "#" + name);
	if (!logged_in) {
		$("token").focus();
		return;
	}
	try {
		await views[name](() => mine === turn, id);
		if (mine === turn)
			notice("");
	} catch (error) {
		if (mine === turn)
			failed(error);
	}
	if (mine === turn && again_ms[name] && sessionStorage.getItem("token") !== null)
		timer = setTimeout(show, again_ms[name]);
}

function logout() {
	sessionStorage.removeItem("token");
	for (const id of ["call-rows", "extension-rows", "record-rows", "trace-rows", "figures", "today", "daemons"])
		$(id).replaceChildren();
	show();
}

$("login").addEventListener("submit", (event) => {
	event.preventDefault();
	notice("");
	sessionStorage.setItem("token", $("token").value.trim());
	$("token").value = "";
	show();
});
$("logout").addEventListener("click", () => {
	notice("");
	logout();
});
$("filter").addEventListener("submit", (event) => {
	event.preventDefault();
	show();
});
$("start").addEventListener("submit", (event) => {
	event.preventDefault();
	api("POST", "/api/v1/calls", { from: $("start-from").value.trim(), to: $("start-to").value.trim() }).then(show).catch(failed);
});
addEventListener("hashchange", show);
show();
