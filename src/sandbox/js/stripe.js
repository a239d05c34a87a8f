// @ts-check
"use strict";

/*
 * Stands in for js.stripe.com/v3 in development and tests: the part of Stripe.js that a page with a Payment Element
 * uses.
 * Card numbers stay inside the frame that this origin serves; the page gets no more of them than it would from Stripe.
 */

(() => {
    const script = /** @type {HTMLScriptElement} */ (document.currentScript);
    const origin = new URL(script.src).origin;
    const base = `${origin}/v3`;

    /* In-app browsers cannot be trusted with a frame for the bank: they get its page instead. */
    const inApp = /\b(FBAN|FBAV|Instagram|Line|Snapchat|Twitter for)\b/.test(navigator.userAgent);

    class IntegrationError extends Error {
        /** @param {string} message */
        constructor(message) {
            super(message);
            this.name = "IntegrationError";
        }
    }

    /** @param {string} message @returns {never} */
    function misuse(message) {
        throw new IntegrationError(message);
    }

    /** A frame of ours and a line to it. */
    class Frame {
        /** @param {string} page @param {string} title */
        constructor(page, title) {
            /** @type {Map<number, (value: any) => void>} */
            this.waiting = new Map();
            this.calls = 0;
            /** @type {(name: string, detail: any) => void} */
            this.onevent = () => {};
            this.channel = new MessageChannel();
            this.channel.port1.onmessage = (message) => this.receive(message.data);
            this.element = document.createElement("iframe");
            this.element.src = `${base}/${page}.html`;
            this.element.title = title;
            this.element.name = `__privateStripeFrame${Math.random().toString(36).slice(2, 8)}`;
            this.element.setAttribute("allow", "payment *");
            this.failed = new Promise((resolve) => setTimeout(resolve, 25000));
            this.element.addEventListener(
                "load",
                () => {
                    this.element.contentWindow?.postMessage("till-sandbox-connect", origin, [this.channel.port2]);
                },
                { once: true },
            );
        }

        /** @param {any} data */
        receive(data) {
            if (data.event) {
                this.onevent(data.event, data.detail);
                return;
            }
            this.waiting.get(data.id)?.(data.result);
            this.waiting.delete(data.id);
        }

        /** @param {string} method @param {any} [argument] @returns {Promise<any>} */
        call(method, argument) {
            const id = ++this.calls;
            this.channel.port1.postMessage({ id, method, argument });
            return new Promise((resolve) => this.waiting.set(id, resolve));
        }
    }

    /** @param {Record<string, string>} style @param {HTMLElement} element */
    function dress(element, style) {
        for (const [name, value] of Object.entries(style)) element.style.setProperty(name, value);
        return element;
    }

    const HIDDEN = {
        position: "absolute",
        width: "1px",
        height: "1px",
        border: "0",
        opacity: "0",
        "pointer-events": "none",
        "inset-block-start": "0",
        "clip-path": "inset(50%)",
    };

    /** @type {any} */
    class Element {
        /** @param {any} elements @param {string} type @param {any} options */
        constructor(elements, type, options) {
            this.elements = elements;
            this.type = type;
            this.options = options;
            /** @type {Record<string, ((event: any) => void)[]>} */
            this.handlers = {};
            /** @type {Frame | null} */
            this.frame = null;
            this.chosen = "card";
        }

        /** The wallets that the page does not want. */
        without() {
            const { applePay, googlePay } = this.options.wallets || {};
            return [applePay === "never" && "apple_pay", googlePay === "never" && "google_pay"].filter(Boolean);
        }

        /** @param {string} name @param {(event: any) => void} handler */
        on(name, handler) {
            (this.handlers[name] ||= []).push(handler);
            return this;
        }

        /** @param {string} name @param {(event: any) => void} handler */
        once(name, handler) {
            /** @param {any} event */
            const once = (event) => {
                this.off(name, once);
                handler(event);
            };
            return this.on(name, once);
        }

        /** @param {string} name @param {(event: any) => void} [handler] */
        off(name, handler) {
            this.handlers[name] = handler ? (this.handlers[name] || []).filter((other) => other !== handler) : [];
            return this;
        }

        /** @param {string} name @param {any} detail */
        emit(name, detail) {
            for (const handler of this.handlers[name] || []) handler({ elementType: this.type, ...detail });
        }

        /** @param {string | HTMLElement} place */
        mount(place) {
            const parent = typeof place === "string" ? document.querySelector(place) : place;
            if (!parent)
                misuse(
                    `The selector you specified (${place}) applies to no DOM elements that are currently on the page.`,
                );
            if (this.frame) misuse("This Element is already mounted.");
            const frame = (this.frame = new Frame("elements", "Secure payment input frame"));
            dress(frame.element, {
                display: "block",
                width: "100%",
                border: "0",
                height: "220px",
                "color-scheme": "normal",
            });
            frame.onevent = (name, detail) => {
                if (name === "resize") frame.element.style.setProperty("height", `${detail.height}px`);
                else {
                    if (name === "change") this.chosen = detail.value.type;
                    this.emit(name, detail);
                }
            };
            const failed = setTimeout(
                () =>
                    this.emit("loaderror", {
                        error: { type: "api_connection_error", message: "The frame did not load." },
                    }),
                20000,
            );
            frame
                .call("start", {
                    key: this.elements.stripe.key,
                    locale: this.elements.options.locale || this.elements.stripe.locale,
                    appearance: this.elements.options.appearance || {},
                    types: this.elements.options.allowedPaymentMethodTypes,
                    without: this.without(),
                })
                .then(() => {
                    clearTimeout(failed);
                    this.emit("ready", {});
                });
            /** @type {globalThis.Element} */ (parent).append(frame.element);
        }

        unmount() {
            this.frame?.element.remove();
            this.frame = null;
        }

        destroy() {
            this.unmount();
            this.elements.list.delete(this.type);
        }

        focus() {
            this.frame?.element.focus();
            this.frame?.call("focus");
        }

        blur() {
            this.frame?.call("blur");
        }

        clear() {
            this.frame?.call("clear");
        }

        collapse() {}

        /** @param {any} options */
        update(options) {
            Object.assign(this.options, options);
        }
    }

    class Elements {
        /** @param {any} stripe @param {any} options */
        constructor(stripe, options) {
            this.stripe = stripe;
            this.options = { ...options };
            /** @type {Map<string, any>} */
            this.list = new Map();
            this.submitted = false;
            if (!options.clientSecret) checkDeferred(options);
        }

        /** @param {string} type @param {any} [options] */
        create(type, options = {}) {
            if (type !== "payment") misuse(`The stand-in has no '${type}' Element.`);
            if (this.list.has(type)) misuse("Can only create one Element of type payment.");
            const element = new Element(this, type, options);
            this.list.set(type, element);
            return element;
        }

        /** @param {string} type */
        getElement(type) {
            return this.list.get(type) || null;
        }

        /** @param {any} options */
        update(options) {
            Object.assign(this.options, options);
            if (!this.options.clientSecret) checkDeferred(this.options);
        }

        async fetchUpdates() {
            return {};
        }

        async submit() {
            const element = this.list.get("payment");
            if (!element || !element.frame) misuse("elements.submit() needs a mounted payment Element.");
            const name = WALLETS[element.chosen];
            if (name && !navigator.userActivation.isActive)
                misuse(
                    `Failed to show the ${name} payment sheet. It has to be shown right after a click: call` +
                        " elements.submit() before anything that takes time.",
                );
            const error = name ? await walletSheet(name, this.options) : await element.frame.call("validate");
            this.submitted = !error;
            return error ? { error } : { selectedPaymentMethod: element.chosen };
        }
    }

    /** @param {any} options */
    function checkDeferred(options) {
        if (!["payment", "setup", "subscription"].includes(options.mode))
            misuse("Invalid value for elements(): mode must be one of payment, setup, subscription.");
        if (options.mode === "setup") return;
        if (!Number.isInteger(options.amount) || options.amount < 0)
            misuse("Invalid value for elements(): amount must be a whole number of minor units.");
        if (!/^[a-z]{3}$/.test(options.currency || ""))
            misuse("Invalid value for elements(): currency must be a lowercase three letter code.");
    }

    /** @param {string} secret */
    function intentOf(secret) {
        const match = /^(pi_\w+?)_secret_\w+$/.exec(secret || "");
        return match ? match[1] : misuse("Invalid value for clientSecret: it should be ${id}_secret_${secret}.");
    }

    /** @param {any} intent @param {any} options */
    function mismatch(intent, options) {
        const capture = options.captureMethod || options.capture_method || "automatic";
        /** @param {string} method */
        const plain = (method) => (method === "manual" ? "manual" : "automatic");
        if (intent.amount !== options.amount || intent.currency !== options.currency)
            return (
                `The amount and currency of Elements (${options.amount} ${options.currency}) and of the PaymentIntent` +
                ` (${intent.amount} ${intent.currency}) do not match.`
            );
        if ((intent.setup_future_usage || null) !== (options.setupFutureUsage || null))
            return (
                `The setup_future_usage of Elements (${options.setupFutureUsage || null}) and of the PaymentIntent` +
                ` (${intent.setup_future_usage || null}) do not match.`
            );
        if (plain(intent.capture_method) !== plain(capture))
            return `The capture methods of Elements (${capture}) and of the PaymentIntent do not match.`;
        return null;
    }

    /** @param {string} message */
    function refusal(message) {
        return { error: { type: "invalid_request_error", message } };
    }

    class Stripe {
        /** @param {string} key @param {any} [options] */
        constructor(key, options = {}) {
            if (!/^pk_test_/.test(key || ""))
                misuse("Please call Stripe() with a publishable test key: the stand-in takes no others.");
            this.key = key;
            this.locale = options.locale || "auto";
            this.controller = new Frame("controller", "");
            this.controller.element.setAttribute("aria-hidden", "true");
            this.controller.element.tabIndex = -1;
            dress(this.controller.element, HIDDEN);
            (document.body || document.documentElement).append(this.controller.element);
            this.controller.call("start", { key });
        }

        /** @param {any} options */
        elements(options = {}) {
            return new Elements(this, options);
        }

        /** @param {string} secret */
        retrievePaymentIntent(secret) {
            return this.controller.call("retrieve", { id: intentOf(secret), client_secret: secret });
        }

        /** @param {any} options */
        async createPaymentMethod(options) {
            const frame = this.submittedFrame(options.elements, "createPaymentMethod");
            return frame.call("paymentMethod", options.params || {});
        }

        /** @param {any} options */
        async createConfirmationToken(options) {
            const frame = this.submittedFrame(options.elements, "createConfirmationToken");
            return frame.call("confirmationToken", options.params || {});
        }

        /** @param {any} elements @param {string} what @returns {Frame} */
        submittedFrame(elements, what) {
            const element = elements && elements.getElement("payment");
            if (!element || !element.frame) misuse(`stripe.${what}() needs elements with a mounted payment Element.`);
            if (!elements.options.clientSecret && !elements.submitted)
                misuse(`elements.submit() must be called before stripe.${what}().`);
            return element.frame;
        }

        /** @param {any} options */
        async confirmPayment(options) {
            const { elements, confirmParams = {}, redirect = "always" } = options;
            const frame = this.submittedFrame(elements, "confirmPayment");
            const secret = options.clientSecret || elements.options.clientSecret;
            const id = intentOf(secret);

            if (!confirmParams.return_url && redirect === "always")
                misuse("stripe.confirmPayment() needs confirmParams.return_url.");
            if (confirmParams.return_url && !/^https?:\/\//.test(confirmParams.return_url))
                misuse("confirmParams.return_url must be an absolute URL.");
            if (elements.options.clientSecret) {
                const { error } = await elements.submit();
                if (error) return { error };
            } else {
                const found = await this.retrievePaymentIntent(secret);
                if (found.error) return found;
                const wrong = mismatch(found.paymentIntent, elements.options);
                if (wrong) return refusal(wrong);
            }
            elements.submitted = false;
            const answer = await frame.call("confirm", {
                id,
                client_secret: secret,
                return_url: confirmParams.return_url,
                use_stripe_sdk: !inApp,
                payment_method_data: confirmParams.payment_method_data || {},
            });
            return this.finish(answer, secret, redirect, confirmParams.return_url);
        }

        /** @param {{clientSecret: string}} options */
        async handleNextAction({ clientSecret }) {
            const found = await this.retrievePaymentIntent(clientSecret);
            if (found.error) return found;
            if (found.paymentIntent.status !== "requires_action")
                return misuse(
                    `handleNextAction: the PaymentIntent is ${found.paymentIntent.status}, not requires_action.`,
                );
            return this.finish(found, clientSecret, "if_required", undefined);
        }

        /**
         * Does what the intent asks for next.
         * @param {any} answer
         * @param {string} secret
         * @param {string} redirect
         * @param {string | undefined} returnUrl
         */
        async finish(answer, secret, redirect, returnUrl) {
            let result = answer;
            const intent = result.paymentIntent;

            if (intent && intent.status === "requires_action" && intent.next_action) {
                const action = intent.next_action;
                if (action.type === "redirect_to_url") return leave(action.redirect_to_url.url);
                if (action.type !== "use_stripe_sdk") return result;
                result = await this.challenge(action.use_stripe_sdk.stripe_js, secret);
            }
            if (result.error || redirect !== "always" || !returnUrl) return result;
            const url = new URL(returnUrl);
            url.searchParams.set("payment_intent", result.paymentIntent.id);
            url.searchParams.set("payment_intent_client_secret", secret);
            url.searchParams.set("redirect_status", "succeeded");
            return leave(url.href);
        }

        /** The bank's page in a frame over the page. @param {string} url @param {string} secret */
        async challenge(url, secret) {
            const outcome = await challengeFrame(url);
            const id = intentOf(secret);
            const found =
                outcome === "closed"
                    ? await this.controller.call("cancelChallenge", { id, client_secret: secret, url })
                    : await this.retrievePaymentIntent(secret);

            if (found.error) return found;
            const intent = found.paymentIntent;
            if (intent.status === "requires_payment_method")
                return {
                    error: intent.last_payment_error || {
                        type: "card_error",
                        code: "payment_intent_authentication_failure",
                    },
                };
            return { paymentIntent: intent };
        }
    }

    /** @type {Record<string, string>} */
    const WALLETS = { apple_pay: "Apple Pay", google_pay: "Google Pay" };

    /** @param {string} url @returns {Promise<never>} */
    function leave(url) {
        location.assign(url);
        return new Promise(() => {});
    }

    /**
     * Lays a box over the page; answers it and what takes it away again.
     * @param {string} label
     * @param {string} test
     * @param {Record<string, string>} style
     * @param {() => void} escape
     */
    function layOver(label, test, style, escape) {
        const dialog = document.createElement("div");
        const box = document.createElement("div");
        const before = /** @type {HTMLElement | null} */ (document.activeElement);
        const others = [...document.body.children].filter((child) => !child.hasAttribute("inert"));

        dialog.setAttribute("role", "dialog");
        dialog.setAttribute("aria-modal", "true");
        dialog.setAttribute("aria-label", label);
        dialog.setAttribute("data-test", test);
        dress(dialog, {
            position: "fixed",
            inset: "0",
            "z-index": "2147483647",
            display: "grid",
            "place-items": "center",
            padding: "12px",
            background: "rgb(10 16 24 / 60%)",
        });
        dress(box, {
            position: "relative",
            width: "100%",
            background: "#fff",
            color: "#17202b",
            "border-radius": "12px",
            overflow: "hidden",
            ...style,
        });
        dialog.append(box);
        dialog.addEventListener("keydown", (event) => event.key === "Escape" && escape());
        for (const other of others) other.setAttribute("inert", "");
        document.body.append(dialog);
        return {
            box,
            remove() {
                dialog.remove();
                for (const other of others) other.removeAttribute("inert");
                before?.focus?.();
            },
        };
    }

    /** @param {string} text @param {string} test @param {Record<string, string>} style @param {() => void} pressed */
    function button(text, test, style, pressed) {
        const element = document.createElement("button");
        element.type = "button";
        element.textContent = text;
        element.setAttribute("data-test", test);
        element.addEventListener("click", pressed);
        return dress(element, { border: "0", "min-height": "44px", cursor: "pointer", ...style });
    }

    /** @param {string} url @returns {Promise<"answered" | "closed">} */
    function challengeFrame(url) {
        const frame = document.createElement("iframe");

        frame.title = "3D Secure: confirm with your bank";
        frame.name = "stripe-challenge-frame";
        frame.src = url;
        dress(frame, { display: "block", width: "100%", height: "100%", border: "0", "color-scheme": "normal" });
        return new Promise((resolve) => {
            /** @param {"answered" | "closed"} outcome */
            const end = (outcome) => {
                removeEventListener("message", answered);
                over.remove();
                resolve(outcome);
            };
            /** @param {MessageEvent} message */
            const answered = (message) => {
                if (message.source === frame.contentWindow && message.origin === origin) end("answered");
            };
            const size = { "max-width": "480px", height: "100%", "max-height": "600px" };
            const over = layOver("3D Secure", "challenge", size, () => end("closed"));
            const corner = {
                position: "absolute",
                "inset-block-start": "4px",
                "inset-inline-end": "4px",
                width: "44px",
                background: "transparent",
                color: "#17202b",
                font: "24px/1 system-ui, sans-serif",
            };
            const close = button("×", "challenge-close", corner, () => end("closed"));
            close.setAttribute("aria-label", "Close 3D Secure");
            over.box.append(frame, close);
            addEventListener("message", answered);
            frame.focus();
        });
    }

    /** @param {number} amount @param {string} currency */
    function amountText(amount, currency) {
        const format = new Intl.NumberFormat(undefined, { style: "currency", currency });
        return format.format(amount / 10 ** (format.resolvedOptions().maximumFractionDigits || 0));
    }

    /**
     * What the device itself shows over everything: the amount, and the payer's yes.
     * @param {string} name
     * @param {any} options
     * @returns {Promise<any>} null, or what elements.submit() says of a sheet that was closed
     */
    function walletSheet(name, { amount, currency }) {
        return new Promise((resolve) => {
            /** @param {any} error */
            const end = (error) => {
                over.remove();
                resolve(error);
            };
            const closed = () =>
                end({ type: "validation_error", code: "incomplete_payment_details", message: `${name} was closed.` });
            const over = layOver(name, "wallet", { "max-width": "360px", padding: "20px" }, closed);
            const due = document.createElement("p");
            due.textContent = `${name}: ${amountText(amount, currency)}`;
            const font = "16px/1.4 system-ui, sans-serif";
            const wide = { width: "100%", font, "border-radius": "8px" };
            const yes = button("Pay", "wallet-pay", { ...wide, background: "#17202b", color: "#fff" }, () => end(null));
            const no = button("Cancel", "wallet-cancel", { ...wide, background: "#fff", color: "#17202b" }, closed);
            over.box.append(dress(due, { margin: "0 0 12px", font }), yes, no);
            yes.focus();
        });
    }

    /** @param {string} key @param {any} [options] */
    const start = (key, options) => new Stripe(key, options);
    start.version = 3;
    Object.assign(window, { Stripe: start });
})();
