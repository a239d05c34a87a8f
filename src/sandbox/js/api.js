// @ts-check
"use strict";

/* What both frames share: calls of the API with the publishable key, and the line to the page that embeds them. */

let apiKey = "";

/** @param {URLSearchParams} form @param {string} name @param {any} value */
function addParam(form, name, value) {
    if (value === undefined || value === null || value === "") return;
    if (typeof value !== "object") {
        form.append(name, String(value));
        return;
    }
    for (const [key, inner] of Object.entries(value)) addParam(form, `${name}[${key}]`, inner);
}

/**
 * @param {string} method
 * @param {string} path
 * @param {Record<string, any>} params
 * @returns {Promise<{error?: any, value?: any}>}
 */
async function api(method, path, params) {
    const form = new URLSearchParams();
    for (const [name, value] of Object.entries(params)) addParam(form, name, value);
    const get = method === "GET";

    try {
        const response = await fetch(get ? `/v1/${path}?${form}` : `/v1/${path}`, {
            method,
            headers: { Authorization: `Bearer ${apiKey}` },
            body: get ? undefined : form,
            cache: "no-store",
        });
        const body = await response.json();
        return response.ok ? { value: body } : { error: body.error };
    } catch {
        return { error: { type: "api_connection_error", message: "An error occurred with our connection to Stripe." } };
    }
}

/** @param {{error?: any, value?: any}} answer */
function asIntent(answer) {
    return answer.error ? { error: answer.error } : { paymentIntent: answer.value };
}

/**
 * Serves the methods to the embedding page.
 * @param {Record<string, (argument: any) => any>} methods
 * @returns {(event: string, detail: any) => void}
 */
function serve(methods) {
    /** @type {MessagePort | null} */
    let port = null;

    addEventListener("message", (message) => {
        if (port || message.source !== parent || message.data !== "till-sandbox-connect") return;
        port = message.ports[0];
        port.onmessage = async ({ data }) => {
            const result = await methods[data.method](data.argument || {});
            port?.postMessage({ id: data.id, result });
        };
    });
    return (event, detail) => port?.postMessage({ event, detail });
}
