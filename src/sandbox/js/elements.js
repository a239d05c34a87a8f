// @ts-check
/// <reference path="./api.js" />
/// <reference path="./texts.js" />
"use strict";

/* The card form inside the stand-in's frame. */

const POSTAL = { US: /^\d{5}(-?\d{4})?$/, CA: /^[a-z]\d[a-z] ?\d[a-z]\d$/i, GB: /^[a-z]{1,2}\d[a-z\d]? ?\d[a-z]{2}$/i };
const COUNTRIES = [
    "AE",
    "AT",
    "AU",
    "BE",
    "BR",
    "CA",
    "CH",
    "DE",
    "ES",
    "FR",
    "GB",
    "IE",
    "IT",
    "JP",
    "MX",
    "NL",
    "PL",
    "PT",
    "SA",
    "US",
];
const HOME = {
    en: "US",
    de: "DE",
    fr: "FR",
    es: "ES",
    it: "IT",
    nl: "NL",
    "pt-BR": "BR",
    pl: "PL",
    ja: "JP",
    ar: "AE",
};
const FIELDS = ["number", "expiry", "cvc", "postal"];

/** What else can be chosen, and what it asks for. @type {Record<string, {name: string, fields: string[]}>} */
const KINDS = {
    card: { name: "Card", fields: [] },
    sepa_debit: { name: "SEPA Direct Debit", fields: ["iban", "holder", "payer"] },
    us_bank_account: { name: "US bank account", fields: ["routing", "account", "holder", "payer"] },
    klarna: { name: "Klarna", fields: ["payer"] },
    afterpay_clearpay: { name: "Afterpay", fields: ["payer"] },
    customer_balance: { name: "Bank transfer", fields: [] },
    apple_pay: { name: "Apple Pay", fields: [] },
    google_pay: { name: "Google Pay", fields: [] },
};

/** What the device's wallet gives for the form, as a card: the sandbox's own test tokens. @type {Record<string, string>} */
const WALLETS = { apple_pay: "tok_applePay", google_pay: "tok_googlePay" };
let kind = "card";

/** @type {Record<string, string>} */
let words = elementTexts.en;

/** @param {string} id */
function input(id) {
    return /** @type {HTMLInputElement} */ (document.getElementById(id));
}

/** @param {string} value */
function digits(value) {
    return value.replace(/\D/g, "");
}

/** @param {string} number */
function isAmex(number) {
    return /^3[47]/.test(number);
}

/** @param {string} number */
function luhn(number) {
    let sum = 0;
    for (let i = 0; i < number.length; i++) {
        let digit = Number(number[number.length - 1 - i]);
        if (i % 2) digit = digit > 4 ? digit * 2 - 9 : digit * 2;
        sum += digit;
    }
    return sum % 10 === 0;
}

/** @param {string} number */
function group(number) {
    const parts = isAmex(number) ? /^(\d{1,4})(\d{1,6})?(\d{1,5})?/ : /^(\d{1,4})(\d{1,4})?(\d{1,4})?(\d{1,7})?/;
    return (parts.exec(number) || []).slice(1).filter(Boolean).join(" ");
}

/**
 * Writes a value as it is shown, with the caret after the same digit.
 * @param {HTMLInputElement} field
 * @param {(digits: string) => string} shape
 */
function reshape(field, shape) {
    const before = digits(field.value.slice(0, field.selectionStart || 0)).length;
    const shaped = shape(digits(field.value));
    let caret = 0;

    for (let seen = 0; caret < shaped.length && seen < before; caret++) seen += /\d/.test(shaped[caret]) ? 1 : 0;
    if (before === digits(shaped).length) caret = shaped.length;
    field.value = shaped;
    if (document.activeElement === field) field.setSelectionRange(caret, caret);
}

/** @param {string} value */
function expiryShape(value) {
    const padded = /^[2-9]/.test(value) ? `0${value}` : value;
    return padded.length > 2 ? `${padded.slice(0, 2)} / ${padded.slice(2, 4)}` : padded;
}

function postalRule() {
    return POSTAL[/** @type {"US"} */ (/** @type {any} */ (input("country")).value)];
}

/** What is wrong with each field: Stripe's code, or "". @type {Record<string, () => string>} */
const CHECKS = {
    number() {
        const number = digits(input("number").value);
        if (number.length < (isAmex(number) ? 15 : 16)) return "incomplete_number";
        return luhn(number) ? "" : "invalid_number";
    },
    expiry() {
        const value = digits(input("expiry").value);
        if (value.length < 4) return "incomplete_expiry";
        const month = Number(value.slice(0, 2)),
            year = 2000 + Number(value.slice(2));
        const now = new Date();
        if (month < 1 || month > 12) return "invalid_expiry_month";
        if (year < now.getFullYear()) return "invalid_expiry_year_past";
        return year === now.getFullYear() && month < now.getMonth() + 1 ? "invalid_expiry_month_past" : "";
    },
    cvc() {
        const length = isAmex(digits(input("number").value)) ? 4 : 3;
        return digits(input("cvc").value).length < length ? "incomplete_cvc" : "";
    },
    postal() {
        const rule = postalRule();
        return !rule || rule.test(input("postal").value.trim()) ? "" : "incomplete_zip";
    },
};

/** @param {string} id @param {string} code */
function mark(id, code) {
    const place = /** @type {HTMLElement} */ (document.getElementById(`${id}-error`));
    const field = input(id);

    place.textContent = code ? words[code] : "";
    place.hidden = !code;
    field.setAttribute("aria-invalid", String(Boolean(code)));
    if (code) field.setAttribute("aria-describedby", place.id);
    else field.removeAttribute("aria-describedby");
    tellHeight();
}

/** What is no card is complete when nothing is empty; the API says the rest. */
function validateOther() {
    const empty = KINDS[kind].fields.find((id) => input(id).value.trim() === "");
    const place = /** @type {HTMLElement} */ (document.getElementById("other-error"));

    place.textContent = empty ? "Your payment details are incomplete." : "";
    place.hidden = !empty;
    tellHeight();
    if (!empty) return null;
    input(empty).focus();
    return { type: "validation_error", code: "incomplete_payment_details", message: place.textContent };
}

function validate() {
    let first = null;

    if (kind !== "card") return validateOther();

    for (const id of FIELDS) {
        const code = CHECKS[id]();
        mark(id, code);
        if (code && !first) first = { id, code };
    }
    if (!first) return null;
    input(first.id).focus();
    return { type: "validation_error", code: first.code, message: words[first.code] };
}

/** @param {any} given */
function billing(given) {
    return {
        ...given,
        address: {
            country: input("country").value,
            postal_code: postalRule() ? input("postal").value.trim() : undefined,
            ...(given && given.address),
        },
    };
}

/** @param {any} details */
function cardParams(details) {
    const expiry = digits(input("expiry").value);

    return {
        type: "card",
        card: {
            number: digits(input("number").value),
            exp_month: Number(expiry.slice(0, 2)),
            exp_year: 2000 + Number(expiry.slice(2)),
            cvc: digits(input("cvc").value),
        },
        billing_details: billing(details),
    };
}

/** @param {any} details */
function methodParams(details) {
    if (kind === "card") return cardParams(details);
    if (kind in WALLETS) return { type: "card", card: { token: WALLETS[kind] }, billing_details: details };
    return {
        type: kind,
        sepa_debit: kind === "sepa_debit" ? { iban: input("iban").value.trim() } : undefined,
        us_bank_account:
            kind === "us_bank_account"
                ? {
                      routing_number: digits(input("routing").value),
                      account_number: digits(input("account").value),
                      account_holder_type: "individual",
                  }
                : undefined,
        billing_details: {
            name: input("holder").value.trim() || undefined,
            email: input("payer").value.trim() || undefined,
            ...details,
        },
    };
}

/** @param {any} params */
function makeMethod(params) {
    return api("POST", "payment_methods", methodParams(params.billing_details));
}

/** Shows what the chosen kind asks for. @param {string} chosen */
function choose(chosen) {
    kind = chosen;
    for (const element of document.querySelectorAll(".card, .other"))
        element.toggleAttribute(
            "hidden",
            !(element.getAttribute("data-for") || "card").split(" ").includes(chosen),
        );
    if (chosen === "card") showPostal();
    tellHeight();
    tellChange();
}

/** Which wallets this browser has. Nothing stands in for a phone or an account with cards: it says so itself. */
function walletsHere() {
    try {
        return (localStorage.getItem("wallets") || "").split(" ").filter((name) => name in WALLETS);
    } catch {
        return []; // no storage in a frame of somebody else's page
    }
}

/** The wallets come with the card, where the page lets them. @param {string[]} types @param {string[]} never */
function withWallets(types, never) {
    const wallets = walletsHere().filter((name) => !never.includes(name));
    return types.flatMap((type) => (type === "card" ? [type, ...wallets] : [type]));
}

/** @param {string[]} offered */
function offer(offered) {
    const list = /** @type {HTMLElement} */ (document.getElementById("kinds"));

    for (const type of offered.filter((name) => name in KINDS)) {
        const label = document.createElement("label");
        const radio = Object.assign(document.createElement("input"), { type: "radio", name: "kind", value: type });
        radio.setAttribute("data-test", `kind-${type}`);
        radio.addEventListener("change", () => choose(type));
        radio.checked = list.childElementCount === 0;
        label.append(radio, ` ${KINDS[type].name}`);
        list.append(label);
    }
    list.hidden = list.childElementCount < 2;
    choose(offered.find((name) => name in KINDS) || "card");
}

/** @param {any} argument */
async function confirmIntent({ id, client_secret, return_url, use_stripe_sdk, payment_method_data }) {
    const made = await makeMethod(payment_method_data);
    if (made.error) return { error: made.error };
    return asIntent(
        await api("POST", `payment_intents/${id}/confirm`, {
            client_secret,
            payment_method: made.value.id,
            return_url,
            use_stripe_sdk,
        }),
    );
}

/** @param {string} locale @param {any} appearance */
function dressUp(locale, appearance) {
    const chosen = locale === "auto" ? navigator.language : locale;
    const name = chosen in elementTexts ? chosen : chosen.split("-")[0];
    const language = name in elementTexts ? name : "en";
    const names = new Intl.DisplayNames([language], { type: "region" });
    const style = document.documentElement.style;
    const variables = appearance.variables || {};

    words = elementTexts[/** @type {"en"} */ (language)];
    document.documentElement.lang = language;
    document.documentElement.dir = language === "ar" ? "rtl" : "ltr";
    for (const label of document.querySelectorAll("[data-text]"))
        label.textContent = words[label.getAttribute("data-text") || ""];
    for (const country of COUNTRIES) document.getElementById("country")?.append(new Option(names.of(country), country));
    input("country").value = HOME[/** @type {"en"} */ (language)];
    for (const [property, variable] of [
        ["--accent", "colorPrimary"],
        ["--panel", "colorBackground"],
        ["--ink", "colorText"],
        ["--quiet", "colorTextSecondary"],
        ["--bad", "colorDanger"],
        ["--radius", "borderRadius"],
    ])
        if (variables[variable]) style.setProperty(property, variables[variable]);
    style.setProperty("color-scheme", appearance.theme === "night" ? "dark" : "light");
    showPostal();
}

function showPostal() {
    const place = /** @type {HTMLElement} */ (document.getElementById("postal-field"));
    place.hidden = !postalRule();
    tellHeight();
}

const tell = serve({
    start({ key, locale, appearance, types, without }) {
        apiKey = key;
        dressUp(locale || "auto", appearance || {});
        offer(withWallets(types || ["card"], without));
    },
    validate,
    confirm: confirmIntent,
    async paymentMethod(params) {
        const made = await makeMethod(params);
        return made.error ? { error: made.error } : { paymentMethod: made.value };
    },
    async confirmationToken(params) {
        const made = await api("POST", "confirmation_tokens", {
            payment_method_data: methodParams(params.payment_method_data?.billing_details),
            return_url: params.return_url,
        });
        return made.error ? { error: made.error } : { confirmationToken: made.value };
    },
    focus() {
        input(kind === "card" ? "number" : KINDS[kind].fields[0] || "other-error").focus();
    },
    blur() {
        /** @type {HTMLElement} */ (document.activeElement)?.blur();
    },
    clear() {
        for (const id of FIELDS) {
            input(id).value = "";
            mark(id, "");
        }
    },
});

function tellHeight() {
    tell("resize", { height: /** @type {HTMLElement} */ (document.getElementById("card")).offsetHeight + 8 });
}

function tellChange() {
    tell("change", {
        complete: kind === "card" ? FIELDS.every((id) => !CHECKS[id]()) : true,
        empty: (kind === "card" ? FIELDS : KINDS[kind].fields).every((id) => input(id).value === ""),
        collapsed: false,
        value: { type: kind },
    });
}

input("number").addEventListener("input", () =>
    reshape(input("number"), (value) => group(value.slice(0, isAmex(value) ? 15 : 19))),
);
input("expiry").addEventListener("input", () => reshape(input("expiry"), expiryShape));
input("cvc").addEventListener("input", () => reshape(input("cvc"), (value) => value.slice(0, 4)));
input("country").addEventListener("change", showPostal);
for (const id of FIELDS) {
    input(id).addEventListener("input", () => {
        mark(id, "");
        tellChange();
    });
    input(id).addEventListener("change", () => input(id).value && mark(id, CHECKS[id]()));
}
document.getElementById("card")?.addEventListener("submit", (event) => event.preventDefault());
addEventListener("focus", () => tell("focus", {}));
addEventListener("blur", () => tell("blur", {}));
addEventListener("keydown", (event) => event.key === "Escape" && tell("escape", {}));
new ResizeObserver(tellHeight).observe(/** @type {HTMLElement} */ (document.getElementById("card")));
