// @ts-check
"use strict";

/*
 * The payer's page. It collects a card with the provider's own form and has it confirmed there; what came of it, only
 * our server says (`/state`), because it is the one that asks the provider. Every state has its name on
 * <main data-state>.
 */

/**
 * @typedef {{state: string, heading: string, message: string, payment_status: string | null,
 *     poll_after_ms: number}} Truth
 */
/** @typedef {{status: number, retryAfter: number, body: any}} Answer */
/** @typedef {import("@stripe/stripe-js").Stripe} Stripe */
/** @typedef {import("@stripe/stripe-js").StripeElements} StripeElements */
/** @typedef {import("@stripe/stripe-js").StripeError} StripeError */

const main = /** @type {HTMLElement} */ (document.getElementById("main"));
const texts = /** @type {Record<string, string>} */ (JSON.parse(main.dataset.texts || "{}"));
const heading = /** @type {HTMLElement} */ (document.getElementById("heading"));
const errors = document.getElementById("errors");
const form = /** @type {HTMLFormElement | null} */ (document.getElementById("pay"));

/** States in which a card can be given. */
const OPEN = ["loading", "ready", "declined_retry", "field_error", "rate_limited", "provider_down"];
/** Seconds between two looks; the last one repeats. */
const WAITS = [1, 2, 3, 5, 8, 13, 21, 30];
const ASK_TIMEOUT_MS = 20000;
const LOAD_TIMEOUT_MS = 30000;
/** How often the server has to say that nothing was paid before it is believed: after an answer of the provider's script,
 * and after none, when a confirmation may still be on its way. */
const SURE = { answered: 3, lost: 5 };
const PAY_TRIES = 4;
/** When a page that was loaded in the middle of a payment looks whether it has come to its end. */
const LOOKS_MS = [2500, 6000, 15000];

let busy = false;
let loading = false;
let ready = false;
/** @type {Stripe | null} */
let stripe = null;
/** @type {StripeElements | null} */
let elements = null;

/** @param {string} selector */
function find(selector) {
    return /** @type {HTMLElement | null} */ (document.querySelector(selector));
}

/** @param {string} name @param {Record<string, string | number>} [values] */
function text(name, values = {}) {
    return (texts[name] || "").replace(/\{(\w+)\}/g, (whole, key) => (key in values ? String(values[key]) : whole));
}

/** @param {number} seconds */
function duration(seconds) {
    return seconds < 60
        ? text("seconds", { seconds })
        : text("minutes", { minutes: Math.floor(seconds / 60), seconds: seconds % 60 });
}

/** @param {number} ms @returns {Promise<void>} */
function pause(ms) {
    return new Promise((resolve) => {
        const wake = () => {
            clearTimeout(timer);
            removeEventListener("online", wake);
            document.removeEventListener("visibilitychange", seen);
            resolve();
        };
        const seen = () => document.hidden || wake();
        const timer = setTimeout(wake, ms);
        addEventListener("online", wake);
        document.addEventListener("visibilitychange", seen);
    });
}

/** A wait that is longer each time. @param {number} [first] */
function pacer(first = 0) {
    let turn = first;
    return () => pause(WAITS[Math.min(turn++, WAITS.length - 1)] * 1000);
}

/* ---- What the page says ---- */

/** @param {string} name */
function setState(name) {
    main.dataset.state = name;
}

/** @param {string} selector @param {string} value */
function write(selector, value) {
    const element = find(selector);
    if (!element) return;
    element.textContent = value;
    element.hidden = value === "" && !element.hasAttribute("role");
}

/** @param {string} value */
function progress(value) {
    write("[data-progress]", value);
}

/**
 * The words of a state, with the heading in focus so that they are read out.
 * @param {string} state
 * @param {string} head
 * @param {string} message
 */
function say(state, head, message) {
    setState(state);
    write("[data-heading]", head);
    write("[data-message]", message);
    progress("");
    heading.focus();
}

/** @param {boolean} on */
function lock(on) {
    busy = on;
    if (!form) return;
    form.toggleAttribute("inert", on);
    form.setAttribute("aria-busy", String(on));
    for (const button of main.querySelectorAll("button"))
        /** @type {HTMLButtonElement} */ (button).disabled = on;
    write("[data-pay]", on ? text("pay_button_busy") : text("pay_button"));
}

/** @typedef {{field: string, message: string}} Wrong */

/**
 * Fills the alert at the top: a sentence, or a sentence and links to the fields.
 * @param {string} sentence
 * @param {Wrong[]} [wrongs]
 */
function alertWith(sentence, wrongs = []) {
    if (!errors) return;
    const paragraph = document.createElement("p");
    const list = document.createElement("ul");

    paragraph.textContent = sentence;
    for (const wrong of wrongs) {
        const item = document.createElement("li");
        const link = document.createElement("a");
        link.href = `#${wrong.field}`;
        link.textContent = wrong.message;
        link.addEventListener("click", (event) => {
            event.preventDefault();
            focusField(wrong.field);
        });
        item.append(link);
        list.append(item);
    }
    errors.replaceChildren(paragraph, ...(wrongs.length ? [list] : []));
    errors.focus();
}

/** @param {string} id */
function focusField(id) {
    const payment = id === "card" && elements ? elements.getElement("payment") : null;

    if (payment) payment.focus();
    else document.getElementById(id)?.focus();
}

function clearErrors() {
    errors?.replaceChildren();
    for (const id of ["email", "card"]) markField(id, "");
}

/** @param {string} id @param {string} message */
function markField(id, message) {
    const field = document.getElementById(id);
    const place = document.getElementById(`${id}-error`);

    if (!field || !place) return;
    place.textContent = message;
    place.hidden = message === "";
    field.toggleAttribute("data-invalid", message !== "");
    if (field instanceof HTMLInputElement) {
        field.setAttribute("aria-invalid", String(message !== ""));
        field.setAttribute("aria-describedby", message ? `${id}-error ${id}-hint` : `${id}-hint`);
    }
}

/** @param {Wrong[]} wrongs */
function fieldError(wrongs) {
    lock(false);
    progress("");
    setState("field_error");
    for (const wrong of wrongs) markField(wrong.field, wrong.message);
    alertWith(text("errors"), wrongs);
}

/** The form again, with what happened above it. @param {string} state @param {string} head @param {string} sentence */
function again(state, head, sentence) {
    lock(false);
    if (form) form.hidden = false;
    progress("");
    write("[data-heading]", head || text("pay_heading"));
    write("[data-message]", "");
    setState(state);
    alertWith(sentence);
}

/** To the one address that shows the truth, made anew by the server. */
function showTruth() {
    location.replace(main.dataset.pageUrl || location.href);
}

/* ---- What the server says ---- */

/**
 * One exchange with our server; rejects when no whole answer came.
 * @param {string} url
 * @param {any} [body]
 * @returns {Promise<Answer>}
 */
async function ask(url, body) {
    /** @type {RequestInit} */
    const options = {
        signal: AbortSignal.timeout(ASK_TIMEOUT_MS),
        headers: { Accept: "application/json" },
        cache: "no-store",
    };

    if (body !== undefined) {
        options.method = "POST";
        options.headers = { Accept: "application/json", "Content-Type": "application/json" };
        options.body = JSON.stringify(body);
    }
    const response = await fetch(url, options);
    return {
        status: response.status,
        retryAfter: Number(response.headers.get("Retry-After")) || 0,
        body: await response.json(),
    };
}

/**
 * What is true now, or null when the server cannot be asked.
 * @param {boolean} [settling] after a try to pay
 * @returns {Promise<Truth | null>}
 */
async function askState(settling = false) {
    const url = new URL(main.dataset.stateUrl || "", location.href);

    if (settling) url.searchParams.set("settle", "1");
    try {
        const answer = await ask(url.href);
        return answer.status === 200 ? answer.body : null;
    } catch {
        return null;
    }
}

/** @param {string} state */
function isOpen(state) {
    return OPEN.includes(state);
}

/**
 * Looks until it is known what came of a try to pay. `sure` is whether the provider's script had an answer.
 * @param {StripeError | undefined} error
 * @param {boolean} sure
 */
async function settle(error, sure) {
    let wait = pacer();
    let open = 0;
    let gone = false;

    for (; ; await wait()) {
        const truth = await askState(true);

        if (!truth) {
            gone = true;
            lost();
            continue;
        }
        if (gone) {
            gone = false; // who has the network again need not wait as long as for its coming back
            open = 0;
            wait = pacer();
        }
        if (!isOpen(truth.state)) return showTruth();
        open += 1;
        if (sure && error && truth.state === "declined_retry") return again(truth.state, truth.heading, truth.message);
        if (sure && error && error.type !== "card_error" && error.type !== "invalid_request_error")
            return again(truth.state, truth.heading, error.message || text("not_through"));
        if (open < (sure ? SURE.answered : SURE.lost)) continue;
        if (sure && !error) return showTruth();
        return again(
            truth.state,
            truth.heading,
            truth.state === "declined_retry" ? truth.message : text("not_through"),
        );
    }
}

/** While nobody knows, nobody is told to try again. */
function lost() {
    if (main.dataset.state === "network_lost") return;
    if (form) form.hidden = true;
    say("network_lost", text("network_lost_heading"), "");
    progress(text("network_lost"));
}

/* ---- Paying ---- */

/** @returns {Wrong[]} */
function checkEmail() {
    const email = /** @type {HTMLInputElement | null} */ (document.getElementById("email"));

    if (!email) return [];
    if (email.value.trim() === "") return [];
    return email.validity.valid && /^\S+@\S+\.\S+$/.test(email.value.trim())
        ? []
        : [{ field: "email", message: text("email_invalid") }];
}

/** @param {number} seconds */
function rateLimited(seconds) {
    const until = Date.now() + Math.max(seconds, 1) * 1000;

    lock(false);
    say("rate_limited", text("rate_limited_heading"), "");
    const button = /** @type {HTMLButtonElement | null} */ (find("[data-pay]"));
    const tick = () => {
        if (main.dataset.state !== "rate_limited") return;
        const left = Math.ceil((until - Date.now()) / 1000);
        if (button) button.disabled = left > 0;
        write("[data-message]", left > 0 ? text("rate_limited", { time: duration(left) }) : text("rate_limited_over"));
        if (left > 0) setTimeout(tick, 1000);
        else setState("ready");
    };
    tick();
}

/** The answers to a try that made no payment. @param {Answer} answer */
function refused(answer) {
    if (answer.status === 429) return rateLimited(answer.retryAfter);
    if (answer.status >= 500) {
        lock(false);
        return say("provider_down", text("provider_down_heading"), text("provider_down"));
    }
    const fields = /** @type {{pointer: string}[]} */ (answer.body.errors || []);
    if (fields.some((field) => field.pointer === "#/email"))
        return fieldError([{ field: "email", message: text("email_invalid") }]);
    if (answer.body.code === "FRAUD_BLOCKED") {
        if (form) form.hidden = true;
        return say("blocked_risk", text("blocked_risk_heading"), text("blocked_risk"));
    }
    return showTruth();
}

/** @param {StripeError} error */
function isValidation(error) {
    return error.type === "validation_error";
}

/**
 * Tells the payer that the bank is asked meanwhile, and ends a confirmation that never comes back.
 * @param {{done: boolean}} confirming
 */
async function watch(confirming) {
    const wait = pacer(2);

    while (!confirming.done) {
        await wait();
        const truth = confirming.done ? null : await askState();
        if (!truth || confirming.done) continue;
        if (truth.state === "requires_action") {
            setState("requires_action");
            progress(text("requires_action"));
        } else if (!isOpen(truth.state) && truth.state !== "processing") {
            showTruth();
        }
    }
}

/** @param {{client_secret: string, return_url: string}} payment */
async function confirm(payment) {
    if (!stripe || !elements) return;
    const confirming = { done: false };
    const email = /** @type {HTMLInputElement | null} */ (document.getElementById("email"));
    const address = email ? email.value.trim() : "";
    const details = address ? { payment_method_data: { billing_details: { email: address } } } : {};

    watch(confirming);
    /** @type {StripeError | undefined} */
    let error;
    let answered = true;
    try {
        const result = await stripe.confirmPayment({
            elements,
            clientSecret: payment.client_secret,
            confirmParams: { return_url: payment.return_url, ...details },
            redirect: "if_required",
        });
        error = result.error;
    } catch {
        answered = false;
    }
    confirming.done = true;
    if (error && isValidation(error))
        return fieldError([{ field: "card", message: error.message || text("card_check") }]);
    if (error && (error.type === "api_connection_error" || error.type === "api_error")) answered = false;
    if (!answered) lost();
    return settle(error, answered);
}

/** The kept payment method that is chosen, "" for another one. */
function savedMethod() {
    const chosen = /** @type {HTMLInputElement | null} */ (find("input[name=saved]:checked"));
    return chosen ? chosen.value : "";
}

function mayKeep() {
    const box = /** @type {HTMLInputElement | null} */ (find("#save"));
    return Boolean(box && box.checked);
}

/** What the server has to know of the payer's choice. */
function choice() {
    const email = /** @type {HTMLInputElement | null} */ (document.getElementById("email"));
    const method = savedMethod();

    if (method) return { payment_method_id: method };
    return {
        ...(email && email.value.trim() ? { email: email.value.trim() } : {}),
        ...(find("#save") ? { save: mayKeep() } : {}),
    };
}

/** The form of another payment method shows when it is asked for, and is only loaded then. */
function showChoice() {
    const method = savedMethod();
    const pay = /** @type {HTMLButtonElement | null} */ (find("[data-pay]"));

    find("[data-new]")?.toggleAttribute("hidden", method !== "");
    if (method === "" && !stripe && !loading) {
        loading = true;
        mount();
    }
    if (pay && !busy) pay.disabled = method === "" && !ready;
}

/** Asks for the payment; another tab that asks at the same moment goes first. @returns {Promise<Answer>} */
async function askToPay() {
    const wait = pacer();

    for (let tries = 1; ; tries += 1) {
        const answer = await ask(main.dataset.payUrl || "", choice());
        if (answer.status !== 409 || tries === PAY_TRIES) return answer;
        await wait();
    }
}

/** @param {SubmitEvent} event */
async function submit(event) {
    event.preventDefault();
    const method = savedMethod();
    if (busy || (!method && (!stripe || !elements))) return;
    lock(true);
    clearErrors();
    setState("submitting");
    write("[data-heading]", text("pay_heading"));
    write("[data-message]", "");
    progress(text("submitting"));

    const wrongs = method ? [] : checkEmail();
    if (!method && elements && find("#save")) elements.update({ setupFutureUsage: mayKeep() ? "off_session" : null });
    const checked = method || !elements ? {} : await elements.submit();
    if (checked.error) wrongs.push({ field: "card", message: checked.error.message || text("card_check") });
    if (wrongs.length) return fieldError(wrongs);

    /** @type {Answer} */
    let answer;
    try {
        answer = await askToPay();
    } catch {
        lost();
        return settle(undefined, false);
    }
    if (answer.status >= 400) return refused(answer);
    if (!method && answer.body.state === "already_paid") {
        if (form) form.hidden = true;
        return alreadyPaid(answer.body);
    }
    if (method && answer.body.action_url) return location.assign(answer.body.action_url);
    if (method || !answer.body.client_secret) return showTruth();
    return confirm(answer.body);
}

/** Somebody paid meanwhile, in another tab or on another device. @param {Truth} truth */
function alreadyPaid(truth) {
    const receipt = find("[data-receipt]");

    find("[data-action]")?.setAttribute("hidden", "");
    say("already_paid", truth.heading, truth.message);
    if (receipt) receipt.hidden = false;
}

/* ---- The provider's card form ---- */

/** @returns {Promise<Stripe>} */
function loadStripe() {
    return new Promise((resolve, reject) => {
        const script = document.createElement("script");
        const timer = setTimeout(() => reject(new Error("timeout")), LOAD_TIMEOUT_MS);

        script.src = main.dataset.stripeJs || "";
        script.onerror = () => reject(new Error("not loaded"));
        script.onload = () => {
            clearTimeout(timer);
            const start = /** @type {any} */ (window).Stripe;
            if (!start) return reject(new Error("not loaded"));
            resolve(start(main.dataset.publishableKey, { locale: stripeLocale() }));
        };
        document.head.append(script);
    });
}

function stripeLocale() {
    return /** @type {import("@stripe/stripe-js").StripeElementLocale} */ (document.documentElement.lang || "auto");
}

/** @returns {import("@stripe/stripe-js").Appearance} */
function appearance() {
    const style = getComputedStyle(document.documentElement);
    /** @param {string} name */
    const colour = (name) => style.getPropertyValue(name).trim();
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;

    return {
        theme: dark ? "night" : "stripe",
        variables: {
            colorPrimary: colour("--accent"),
            colorBackground: colour("--panel"),
            colorText: colour("--ink"),
            colorTextSecondary: colour("--quiet"),
            colorDanger: colour("--bad"),
            borderRadius: "8px",
            fontSizeBase: "16px",
        },
    };
}

function formUnavailable() {
    if (form) form.hidden = true;
    say("provider_down", text("provider_down_heading"), text("provider_down"));
    const retry = find("[data-retry]");
    const button = retry?.querySelector("button");
    if (retry && button) {
        retry.hidden = false;
        button.disabled = false;
    }
}

/** Whether a wallet shows, on devices that have it. @param {string} name */
function wallet(name) {
    return (main.dataset.wallets || "").split(" ").includes(name) ? "auto" : "never";
}

async function mount() {
    const shown = main.dataset.state || "ready";
    const pay = /** @type {HTMLButtonElement | null} */ (find("[data-pay]"));

    if (shown === "ready") {
        setState("loading");
        progress(text("card_loading"));
    }
    try {
        stripe = await loadStripe();
        elements = stripe.elements({
            mode: "payment",
            amount: Number(main.dataset.amount),
            currency: main.dataset.currency || "",
            ...(main.dataset.methods ? { allowedPaymentMethodTypes: main.dataset.methods.split(" ") } : {}),
            captureMethod: main.dataset.capture === "manual" ? "manual" : "automatic",
            locale: stripeLocale(),
            appearance: appearance(),
            loader: "auto",
        });
        const element = elements.create("payment", {
            wallets: { applePay: wallet("apple_pay"), googlePay: wallet("google_pay"), link: "never" },
        });
        element.on("ready", () => {
            find(".skeleton")?.remove();
            ready = true;
            if (main.dataset.state === "loading") {
                setState(shown);
                progress("");
            }
            if (pay) pay.disabled = busy;
        });
        element.on("change", () => markField("card", ""));
        element.on("loaderror", formUnavailable);
        element.mount("#card");
    } catch {
        formUnavailable();
    }
}

/** Opens what the bank asks for: in a frame on this page, or on the bank's own page. */
async function authenticate() {
    const link = /** @type {HTMLAnchorElement | null} */ (find("[data-authenticate]"));
    const secret = main.dataset.clientSecret;

    if (!secret || busy) return;
    busy = true;
    link?.setAttribute("aria-disabled", "true");
    progress(text("authenticating"));
    try {
        stripe ||= await loadStripe();
        await stripe.handleNextAction({ clientSecret: secret });
    } catch {
        // The server is asked below; only a script that never came is worth words of its own.
        if (!stripe) return formUnavailable();
    }
    const wait = pacer();
    for (let looks = 1; ; looks += 1, await wait()) {
        const truth = await askState();
        if (truth && (truth.state !== "requires_action" || looks > 2)) return showTruth();
        if (!truth) lost();
    }
}

/* ---- The page by itself ---- */

/** Looks again by itself while the outcome is open. */
async function poll() {
    const shown = main.dataset.state;
    const wait = pacer();

    for (;;) {
        await wait();
        if (document.hidden || busy) continue;
        const truth = await askState();
        if (truth && truth.state !== shown) return showTruth();
        if (truth && truth.poll_after_ms > WAITS[0] * 1000) await pause(truth.poll_after_ms);
    }
}

/** Another tab, or the way back: what this page shows may be old. */
async function look() {
    if (busy || document.hidden || !isOpen(main.dataset.state || "")) return;
    const truth = await askState();
    if (truth && !busy && !isOpen(truth.state)) showTruth();
}

function countDown() {
    const left = Number(main.dataset.expiresIn);
    const place = find("[data-countdown]");

    if (!left || !place) return;
    const until = Date.now() + left * 1000;
    const tick = () => {
        const seconds = Math.ceil((until - Date.now()) / 1000);
        if (seconds <= 0 && !busy) return showTruth();
        if (seconds <= 1800) {
            place.setAttribute("role", "timer");
            place.textContent = text("expires_in", { time: duration(Math.max(seconds, 0)) });
        }
        setTimeout(tick, seconds > 1860 ? 60000 : 1000);
    };
    tick();
}

function start() {
    if (matchMedia("(max-width: 47.99rem)").matches) find("[data-fold]")?.removeAttribute("open");
    find("[data-print]")?.addEventListener("click", () => print());
    find("[data-retry] button")?.addEventListener("click", showTruth);
    if (!main.dataset.stateUrl) return;

    const other = find("[data-other]");
    if (form) {
        form.addEventListener("submit", submit);
        if (other) other.addEventListener("toggle", showChoice, { once: true });
        else showChoice();
        for (const radio of main.querySelectorAll("input[name=saved]")) radio.addEventListener("change", showChoice);
    }
    if (main.dataset.clientSecret) {
        find("[data-authenticate]")?.addEventListener("click", (event) => {
            event.preventDefault();
            authenticate();
        });
        authenticate();
    }
    if (main.dataset.poll) poll();
    if (main.dataset.begun) LOOKS_MS.forEach((ms) => setTimeout(look, ms));
    countDown();
    addEventListener("pageshow", (event) => event.persisted && look());
    document.addEventListener("visibilitychange", look);
}

start();
