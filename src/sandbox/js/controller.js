// @ts-check
/// <reference path="./api.js" />
"use strict";

serve({
    start({ key }) {
        apiKey = key;
    },
    async retrieve({ id, client_secret }) {
        return asIntent(await api("GET", `payment_intents/${id}`, { client_secret }));
    },
    /* A payer who closes the bank's frame has not confirmed: the bank is told so. */
    async cancelChallenge({ id, client_secret, url }) {
        await fetch(url, { method: "POST", body: new URLSearchParams({ result: "fail" }), redirect: "manual" }).catch(
            () => {},
        );
        return asIntent(await api("GET", `payment_intents/${id}`, { client_secret }));
    },
});
