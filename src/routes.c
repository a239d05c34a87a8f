#include "access/api_key.h"
#include "customers/customer_api.h"
#include "customers/customer_view.h"
#include "customers/method_api.h"
#include "customers/method_view.h"
#include "events/decision.h"
#include "events/event.h"
#include "jobs/maintenance.h"
#include "outward/endpoint_api.h"
#include "outward/event_api.h"
#include "pages/admin.h"
#include "pages/admin_account.h"
#include "pages/admin_audit.h"
#include "pages/admin_customers.h"
#include "pages/admin_developers.h"
#include "pages/admin_disputes.h"
#include "pages/admin_entry.h"
#include "pages/admin_overview.h"
#include "pages/admin_reconciliation.h"
#include "pages/admin_settings.h"
#include "pages/admin_tasks.h"
#include "pages/admin_users.h"
#include "pages/admin_webhooks.h"
#include "pages/admin_payment.h"
#include "pages/admin_payments.h"
#include "pages/admin_refunds.h"
#include "pages/checkout.h"
#include "pages/mail.h"
#include "pages/maintenance.h"
#include "pages/reference.h"
#include "pages/service.h"
#include "payments/checkout_api.h"
#include "payments/checkout_view.h"
#include "payments/erase.h"
#include "payments/erase_api.h"
#include "payments/payment_api.h"
#include "payments/payment_view.h"
#include "payments/reconcile.h"
#include "payments/reconcile_api.h"
#include "payments/refund_api.h"
#include "payments/refund_view.h"
#include "payments/webhook_api.h"
#include "web/request.h"
#include "web/router.h"

/* clang-format off */
const struct route routes[] = {
    /* Payments */
    { "POST", "/api/v1/payments", payment_api_create, ACCESS_API_KEY, .scope = "payments:write", .customers = true,
        .idempotent = true, .asked = payment_asked, .shown = payment_shown, .success = 201, .success_also = 202, .tag = "Payments",
        .summary = "Charge, or prepare a charge" },
    { "GET", "/api/v1/payments", payment_api_list, ACCESS_API_KEY, .scope = "payments:read", .customers = true,
        .query = payment_list_query, .shown = payment_shown, .shown_list = true, .tag = "Payments",
        .summary = "List payments, newest first" },
    { "GET", "/api/v1/payments/history", payment_api_history, ACCESS_API_KEY, .scope = "payments:read", .customers = true,
        .query = payment_history_query, .shown = payment_history_shown, .tag = "Payments",
        .summary = "List payments by offset, with their number" },
    { "GET", "/api/v1/payments/{id}", payment_api_get, ACCESS_API_KEY, .scope = "payments:read", .customers = true,
        .shown = payment_shown, .success_also = 202, .tag = "Payments",
        .summary = "One payment, as it is now" },
    { "POST", "/api/v1/payments/{id}/confirm", payment_api_confirm, ACCESS_API_KEY, .scope = "payments:write", .customers = true,
        .idempotent = true, .asked = payment_confirm_asked, .shown = payment_shown, .success_also = 202, .tag = "Payments",
        .summary = "Charge a waiting payment" },
    { "POST", "/api/v1/payments/{id}/capture", payment_api_capture, ACCESS_API_KEY, .scope = "payments:write", .idempotent = true,
        .asked = payment_capture_asked, .shown = payment_shown, .success_also = 202, .tag = "Payments",
        .summary = "Take what was authorized, or a part of it" },
    { "POST", "/api/v1/payments/{id}/cancel", payment_api_cancel, ACCESS_API_KEY, .scope = "payments:write", .customers = true,
        .idempotent = true, .asked = payment_cancel_asked, .shown = payment_shown, .success_also = 202, .tag = "Payments",
        .summary = "Give up a payment of which nothing was taken" },

    { "POST", "/api/v1/payments/{id}/receipt", mail_api_receipt, ACCESS_API_KEY, .scope = "payments:write",
        .asked = mail_receipt_asked, .shown = mail_receipt_shown, .success = 202, .tag = "Payments",
        .summary = "Send the receipt by mail, again" },

    /* Refunds */
    { "POST", "/api/v1/payments/{id}/refund", refund_api_create, ACCESS_API_KEY, .scope = "refunds:write", .idempotent = true,
        .asked = refund_asked, .shown = refund_shown, .success = 201, .success_also = 202, .tag = "Refunds",
        .summary = "Give money back to whoever paid" },
    { "GET", "/api/v1/payments/{id}/refunds", refund_api_list, ACCESS_API_KEY, .scope = "payments:read", .customers = true,
        .shown = refund_shown, .shown_list = true, .tag = "Refunds",
        .summary = "All refunds of a payment, newest first" },
    { "GET", "/api/v1/refunds/{id}", refund_api_get, ACCESS_API_KEY, .scope = "payments:read", .customers = true,
        .shown = refund_shown, .tag = "Refunds",
        .summary = "One refund" },

    /* Customers */
    { "POST", "/api/v1/customers", customer_api_create, ACCESS_API_KEY, .scope = "customers:write", .idempotent = true,
        .asked = customer_asked, .shown = customer_shown, .success = 201, .success_also = 200, .tag = "Customers",
        .summary = "Make a customer, or find the one with this reference" },
    { "GET", "/api/v1/customers", customer_api_list, ACCESS_API_KEY, .scope = "customers:read", .customers = true,
        .query = customer_list_query, .shown = customer_shown, .shown_list = true, .tag = "Customers",
        .summary = "List customers, newest first" },
    { "GET", "/api/v1/customers/{id}", customer_api_get, ACCESS_API_KEY, .scope = "customers:read", .customers = true,
        .shown = customer_shown, .tag = "Customers",
        .summary = "One customer" },
    { "PUT", "/api/v1/customers/{id}", customer_api_update, ACCESS_API_KEY, .scope = "customers:write",
        .asked = customer_asked, .shown = customer_shown, .tag = "Customers",
        .summary = "Change what is given of a customer" },
    { "GET", "/api/v1/customers/{id}/export", customer_api_export, ACCESS_API_KEY, .scope = "customers:reveal",
        .shown = customer_data_shown, .tag = "Customers",
        .summary = "All that is kept of a customer" },
    { "POST", "/api/v1/customers/{id}/erase", customer_api_erase, ACCESS_API_KEY, .scope = "customers:erase",
        .asked = customer_erase_asked, .shown = customer_shown, .tag = "Customers",
        .summary = "Forget the person, here and at the provider; the books stay and name nobody" },

    /* Payment methods */
    { "POST", "/api/v1/payment-methods", method_api_create, ACCESS_API_KEY, .scope = "methods:write",
        .idempotent = true, .declines = true, .asked = method_asked, .shown = method_shown, .success = 201, .success_also = 200,
        .tag = "Payment methods", .summary = "Keep a payment method of a customer, for payments without him" },
    { "GET", "/api/v1/payment-methods", method_api_list, ACCESS_API_KEY, .scope = "methods:read",
        .query = method_list_query, .shown = method_shown, .shown_list = true, .tag = "Payment methods",
        .summary = "List kept payment methods, newest first" },
    { "GET", "/api/v1/payment-methods/{id}", method_api_get, ACCESS_API_KEY, .scope = "methods:read",
        .shown = method_shown, .tag = "Payment methods",
        .summary = "One kept payment method, as it is now" },
    { "PUT", "/api/v1/payment-methods/{id}", method_api_update, ACCESS_API_KEY, .scope = "methods:write",
        .asked = method_edit_asked, .shown = method_shown, .tag = "Payment methods",
        .summary = "Make it the default, or change its expiry, billing details or notes" },
    { "DELETE", "/api/v1/payment-methods/{id}", method_api_delete, ACCESS_API_KEY, .scope = "methods:write",
        .shown = method_shown, .tag = "Payment methods",
        .summary = "Remove it, here and at the provider" },

    /* Checkout */
    { "POST", "/api/v1/checkout/sessions", checkout_api_create, ACCESS_API_KEY, .scope = "checkout:write", .idempotent = true,
        .asked = checkout_asked, .shown = checkout_shown, .success = 201, .tag = "Checkout",
        .summary = "Make a page where something is paid" },
    { "GET", "/api/v1/checkout/sessions", checkout_api_list, ACCESS_API_KEY, .scope = "checkout:read", .customers = true,
        .query = checkout_list_query, .shown = checkout_shown, .shown_list = true, .tag = "Checkout",
        .summary = "List checkout sessions, newest first" },
    { "GET", "/api/v1/checkout/sessions/{id}", checkout_api_get, ACCESS_API_KEY, .scope = "checkout:read", .customers = true,
        .shown = checkout_shown, .tag = "Checkout",
        .summary = "One checkout session" },
    { "POST", "/api/v1/checkout/sessions/{id}/expire", checkout_api_expire, ACCESS_API_KEY, .scope = "checkout:write",
        .shown = checkout_shown, .tag = "Checkout",
        .summary = "End an open checkout session now" },

    /* What the providers tell us */
    { "POST", "/api/v1/webhooks/stripe", webhook_api_stripe, ACCESS_WEBHOOK, .max_body = REQUEST_MAX_WEBHOOK,
        .shown = webhook_received_shown, .tag = "Webhooks",
        .summary = "Stripe's events" },
    { "POST", "/api/v1/payments/webhooks/stripe", webhook_api_stripe, ACCESS_WEBHOOK, .max_body = REQUEST_MAX_WEBHOOK,
        .shown = webhook_received_shown, .tag = "Webhooks",
        .summary = "Stripe's events, at another address" },
    { "POST", "/webhooks/stripe", webhook_api_stripe, ACCESS_WEBHOOK, .max_body = REQUEST_MAX_WEBHOOK,
        .shown = webhook_received_shown, .summary = "Stripe's events, at another address" },
    { "POST", "/api/webhooks/stripe", webhook_api_stripe_plain, ACCESS_WEBHOOK, .max_body = REQUEST_MAX_WEBHOOK,
        .shown = webhook_received_shown, .summary = "Stripe's events, at another address" },
    { "GET", "/api/v1/webhooks/events", webhook_api_list, ACCESS_API_KEY, .scope = "webhooks:read",
        .query = webhook_list_query, .shown = webhook_shown, .shown_list = true, .tag = "Webhooks",
        .summary = "List stored events, newest first" },
    { "GET", "/api/v1/webhooks/events/{id}", webhook_api_get, ACCESS_API_KEY, .scope = "webhooks:read",
        .shown = webhook_shown, .tag = "Webhooks",
        .summary = "One stored event" },
    { "POST", "/api/v1/webhooks/replay", webhook_api_replay, ACCESS_API_KEY, .scope = "webhooks:write",
        .asked = webhook_replay_asked, .shown = webhook_shown, .success = 202, .tag = "Webhooks",
        .summary = "Process a stored event again" },

    /* What we tell the merchant */
    { "POST", "/api/v1/webhook-endpoints", endpoint_api_create, ACCESS_API_KEY, .scope = "endpoints:write",
        .asked = endpoint_asked, .shown = endpoint_shown, .success = 201, .tag = "Events",
        .summary = "Have events sent to an address" },
    { "GET", "/api/v1/webhook-endpoints", endpoint_api_list, ACCESS_API_KEY, .scope = "endpoints:read",
        .query = endpoint_list_query, .shown = endpoint_shown, .shown_list = true, .tag = "Events",
        .summary = "List endpoints, newest first" },
    { "GET", "/api/v1/webhook-endpoints/{id}", endpoint_api_get, ACCESS_API_KEY, .scope = "endpoints:read",
        .shown = endpoint_shown, .tag = "Events",
        .summary = "One endpoint" },
    { "PATCH", "/api/v1/webhook-endpoints/{id}", endpoint_api_change, ACCESS_API_KEY, .scope = "endpoints:write",
        .asked = endpoint_change_asked, .shown = endpoint_shown, .tag = "Events",
        .summary = "Change an endpoint's address, or what it hears of" },
    { "POST", "/api/v1/webhook-endpoints/{id}/enable", endpoint_api_enable, ACCESS_API_KEY, .scope = "endpoints:write",
        .shown = endpoint_shown, .tag = "Events",
        .summary = "Send to it again; what waited goes at once" },
    { "POST", "/api/v1/webhook-endpoints/{id}/disable", endpoint_api_disable, ACCESS_API_KEY, .scope = "endpoints:write",
        .shown = endpoint_shown, .tag = "Events",
        .summary = "Send nothing to it until it is enabled" },
    { "POST", "/api/v1/webhook-endpoints/{id}/rotate-secret", endpoint_api_rotate, ACCESS_API_KEY, .scope = "endpoints:write",
        .asked = endpoint_rotate_asked, .shown = endpoint_shown, .tag = "Events",
        .summary = "A new secret; the one before signs beside it for a while" },
    { "POST", "/api/v1/webhook-endpoints/{id}/resend", endpoint_api_resend, ACCESS_API_KEY, .scope = "endpoints:write",
        .asked = endpoint_resend_asked, .shown = endpoint_resend_shown, .success = 202, .tag = "Events",
        .summary = "Send what it missed since a time" },
    { "DELETE", "/api/v1/webhook-endpoints/{id}", endpoint_api_delete, ACCESS_API_KEY, .scope = "endpoints:write",
        .answer = ANSWER_EMPTY, .success = 204, .tag = "Events",
        .summary = "Give an endpoint up" },
    { "GET", "/api/v1/events", event_api_list, ACCESS_API_KEY, .scope = "events:read",
        .query = event_list_query, .shown = event_shown, .shown_list = true, .tag = "Events",
        .summary = "List events, newest first" },
    { "GET", "/api/v1/events/{id}", event_api_get, ACCESS_API_KEY, .scope = "events:read",
        .shown = event_shown, .tag = "Events",
        .summary = "One event, as endpoints get it" },
    { "POST", "/api/v1/events/{id}/resend", event_api_resend, ACCESS_API_KEY, .scope = "endpoints:write",
        .asked = event_resend_asked, .shown = delivery_shown, .success = 202, .tag = "Events",
        .summary = "Send an event to an endpoint, again or for the first time" },
    { "GET", "/api/v1/deliveries", delivery_api_list, ACCESS_API_KEY, .scope = "endpoints:read",
        .query = delivery_list_query, .shown = delivery_shown, .shown_list = true, .tag = "Events",
        .summary = "List deliveries of events to endpoints, newest first" },
    { "GET", "/api/v1/deliveries/{id}", delivery_api_get, ACCESS_API_KEY, .scope = "endpoints:read",
        .shown = delivery_detail_shown, .tag = "Events",
        .summary = "One delivery, with each time that it was sent" },
    { "POST", "/api/v1/deliveries/{id}/resend", delivery_api_resend, ACCESS_API_KEY, .scope = "endpoints:write",
        .shown = delivery_shown, .success = 202, .tag = "Events",
        .summary = "Send it again" },

    /* The payer's pages */
    { "GET", "/checkout/{session}/{key}", checkout_page_show, ACCESS_CHECKOUT, .answer = ANSWER_PAGE, .checkout = true,
        .summary = "Pay, or see how it stands" },
    { "POST", "/checkout/{session}/{key}/pay", checkout_page_pay, ACCESS_CHECKOUT,
        .asked = checkout_page_pay_asked, .shown = checkout_page_pay_shown,
        .summary = "The payer pressed the button" },
    { "GET", "/checkout/{session}/{key}/state", checkout_page_state, ACCESS_CHECKOUT, .shown = checkout_page_state_shown,
        .summary = "How it stands, for the page's script" },
    { "GET", "/checkout/{session}/{key}/return", checkout_page_return, ACCESS_CHECKOUT, .answer = ANSWER_PAGE, .checkout = true,
        .summary = "Back from the bank" },
    { "GET", "/checkout/{session}/{key}/authenticate", checkout_page_authenticate, ACCESS_CHECKOUT, .answer = ANSWER_PAGE,
        .checkout = true, .summary = "Off to the bank" },
    { "GET", "/checkout/{session}/{key}/receipt", checkout_page_receipt, ACCESS_CHECKOUT, .answer = ANSWER_PAGE, .checkout = true,
        .summary = "The receipt" },
    { "POST", "/checkout/{session}/{key}/cancel", checkout_page_cancel, ACCESS_CHECKOUT, .answer = ANSWER_PAGE, .checkout = true,
        .summary = "The payer gives up" },

    /* The dashboard: coming in */
    { "GET", "/admin", admin_home, ACCESS_OPERATOR, .answer = ANSWER_PAGE, .summary = "The dashboard" },
    { "GET", "/admin/sign-in", admin_sign_in_page, ACCESS_PUBLIC, .answer = ANSWER_PAGE, .summary = "Sign in" },
    { "POST", "/admin/sign-in", admin_sign_in, ACCESS_PUBLIC, .answer = ANSWER_PAGE, .summary = "Sign in" },
    { "POST", "/admin/sign-out", admin_sign_out, ACCESS_OPERATOR, .answer = ANSWER_PAGE, .early = true,
        .summary = "Sign out" },
    { "GET", "/admin/second-factor", admin_second_factor_page, ACCESS_OPERATOR, .answer = ANSWER_PAGE, .early = true,
        .summary = "Set up the second factor" },
    { "POST", "/admin/second-factor", admin_second_factor, ACCESS_OPERATOR, .answer = ANSWER_PAGE, .early = true,
        .asked = admin_second_factor_asked, .summary = "Set up the second factor" },
    { "GET", "/admin/step-up", admin_step_up_page, ACCESS_OPERATOR, .answer = ANSWER_PAGE,
        .summary = "Password and code again" },
    { "POST", "/admin/step-up", admin_step_up, ACCESS_OPERATOR, .answer = ANSWER_PAGE, .asked = admin_step_up_asked,
        .summary = "Password and code again" },
    { "GET", "/admin/account", admin_account_page, ACCESS_OPERATOR, .answer = ANSWER_PAGE, .summary = "One's own account" },
    { "POST", "/admin/account/password", admin_account_password, ACCESS_OPERATOR, .answer = ANSWER_PAGE,
        .asked = admin_password_asked, .summary = "Change one's own password" },
    { "POST", "/admin/account/recovery-codes", admin_account_codes, ACCESS_OPERATOR, .answer = ANSWER_PAGE,
        .summary = "Make new recovery codes" },
    { "POST", "/admin/account/sessions/{id}/revoke", admin_account_revoke, ACCESS_OPERATOR, .answer = ANSWER_PAGE,
        .summary = "End one of one's own sessions" },
    { "POST", "/admin/account/sessions/revoke", admin_account_revoke_others, ACCESS_OPERATOR, .answer = ANSWER_PAGE,
        .summary = "End all other sessions of one's own" },

    /* The dashboard: people, keys, audit, settings */
    { "GET", "/admin/users", admin_users_page, ACCESS_OPERATOR, .scope = "users:read", .answer = ANSWER_PAGE,
        .summary = "The users" },
    { "GET", "/admin/users/new", admin_user_new_page, ACCESS_OPERATOR, .scope = "users:write", .answer = ANSWER_PAGE,
        .summary = "Add a user" },
    { "POST", "/admin/users", admin_user_add, ACCESS_OPERATOR, .scope = "users:write", .answer = ANSWER_PAGE,
        .asked = admin_user_asked, .summary = "Add a user" },
    { "GET", "/admin/users/{id}", admin_user_page, ACCESS_OPERATOR, .scope = "users:read", .answer = ANSWER_PAGE,
        .summary = "One user" },
    { "POST", "/admin/users/{id}/role", admin_user_role, ACCESS_OPERATOR, .scope = "users:write", .answer = ANSWER_PAGE,
        .asked = admin_user_role_asked, .summary = "Give a user another role" },
    { "POST", "/admin/users/{id}/state", admin_user_state, ACCESS_OPERATOR, .scope = "users:write", .answer = ANSWER_PAGE,
        .asked = admin_user_state_asked, .summary = "Disable or enable a user" },
    { "POST", "/admin/users/{id}/password", admin_user_password, ACCESS_OPERATOR, .scope = "users:write",
        .answer = ANSWER_PAGE, .summary = "Give a user a new password" },
    { "POST", "/admin/users/{id}/second-factor", admin_user_second_factor, ACCESS_OPERATOR, .scope = "users:write",
        .answer = ANSWER_PAGE, .summary = "Forget a user's second factor" },
    { "POST", "/admin/users/{id}/sessions/revoke", admin_user_sessions, ACCESS_OPERATOR, .scope = "users:write",
        .answer = ANSWER_PAGE, .summary = "End all sessions of a user" },
    { "GET", "/admin/developers", admin_developers_page, ACCESS_OPERATOR, .scope = "keys:read", .answer = ANSWER_PAGE,
        .summary = "The API keys" },
    { "GET", "/admin/developers/new", admin_key_new_page, ACCESS_OPERATOR, .scope = "keys:write", .answer = ANSWER_PAGE,
        .summary = "Make an API key" },
    { "POST", "/admin/developers", admin_key_create, ACCESS_OPERATOR, .scope = "keys:write", .answer = ANSWER_PAGE,
        .summary = "Make an API key" },
    { "POST", "/admin/developers/{id}/revoke", admin_key_revoke, ACCESS_OPERATOR, .scope = "keys:write",
        .answer = ANSWER_PAGE, .summary = "Revoke an API key" },
    { "GET", "/admin/audit", admin_audit_page, ACCESS_OPERATOR, .scope = "audit:read", .answer = ANSWER_PAGE,
        .query = admin_audit_query, .summary = "The audit log" },
    { "GET", "/admin/audit/export", admin_audit_export, ACCESS_OPERATOR, .scope = "audit:read", .answer = ANSWER_PAGE,
        .query = admin_audit_query, .summary = "The audit log as CSV" },
    { "POST", "/admin/audit/verify", admin_audit_verify, ACCESS_OPERATOR, .scope = "audit:read", .answer = ANSWER_PAGE,
        .summary = "Check the audit log's chain" },
    { "GET", "/admin/settings", admin_settings_page, ACCESS_OPERATOR, .scope = "settings:read", .answer = ANSWER_PAGE,
        .summary = "The settings" },
    { "GET", "/admin/doctor", admin_doctor_page, ACCESS_OPERATOR, .scope = "settings:read", .answer = ANSWER_PAGE,
        .summary = "What is wrong with the installation" },
    { "POST", "/admin/doctor", admin_doctor, ACCESS_OPERATOR, .scope = "settings:read", .answer = ANSWER_PAGE,
        .summary = "Look at the installation now" },

    /* The dashboard: how it goes, and what waits */
    { "GET", "/admin/overview", admin_overview, ACCESS_OPERATOR, .scope = "overview:read", .answer = ANSWER_PAGE,
        .query = admin_figures_query, .summary = "Today, health, what waits, charts" },
    { "GET", "/admin/analytics", admin_analytics, ACCESS_OPERATOR, .scope = "reports:read", .answer = ANSWER_PAGE,
        .query = admin_figures_query, .summary = "Providers, failures and the ledger over some days" },
    { "GET", "/admin/tasks", admin_tasks, ACCESS_OPERATOR, .scope = "decisions:read", .answer = ANSWER_PAGE,
        .query = admin_tasks_query, .summary = "What a person must decide" },
    { "GET", "/admin/tasks/{id}", admin_task, ACCESS_OPERATOR, .scope = "decisions:read", .answer = ANSWER_PAGE,
        .summary = "One task" },
    { "POST", "/admin/tasks/{id}/assign", admin_task_assign, ACCESS_OPERATOR, .scope = "decisions:write", .answer = ANSWER_PAGE,
        .asked = admin_task_assign_asked, .summary = "Take a task on, or leave it" },
    { "POST", "/admin/tasks/{id}/resolve", admin_task_resolve, ACCESS_OPERATOR, .scope = "decisions:write", .answer = ANSWER_PAGE,
        .asked = admin_task_resolve_asked, .summary = "Settle a task, with a reason" },
    { "POST", "/admin/tasks/{id}/retry", admin_task_retry, ACCESS_OPERATOR, .scope = "maintenance:run", .answer = ANSWER_PAGE,
        .asked = admin_task_retry_asked, .summary = "Try again what was given up" },

    /* The dashboard: customers and disputes */
    { "GET", "/admin/customers", admin_customers, ACCESS_OPERATOR, .scope = "customers:read", .answer = ANSWER_PAGE,
        .query = admin_customers_query, .summary = "Customers, masked" },
    { "GET", "/admin/customers/{id}", admin_customer, ACCESS_OPERATOR, .scope = "customers:read", .answer = ANSWER_PAGE,
        .query = admin_customer_query, .summary = "One customer and what it paid" },
    { "POST", "/admin/customers/{id}/reveal", admin_customer_reveal, ACCESS_OPERATOR, .scope = "customers:reveal",
        .answer = ANSWER_PAGE, .asked = admin_customer_reveal_asked, .summary = "See the person; it is on record" },
    { "POST", "/admin/customers/{id}/export", admin_customer_export, ACCESS_OPERATOR, .scope = "customers:reveal",
        .answer = ANSWER_PAGE, .asked = admin_customer_reveal_asked, .summary = "What is held of a customer, as JSON" },
    { "GET", "/admin/disputes", admin_disputes, ACCESS_OPERATOR, .scope = "payments:read", .answer = ANSWER_PAGE,
        .query = admin_disputes_query, .summary = "What payers contest" },

    /* The dashboard: what comes in, and whether the books agree */
    { "GET", "/admin/webhooks", admin_webhooks, ACCESS_OPERATOR, .scope = "webhooks:read", .answer = ANSWER_PAGE,
        .query = admin_webhooks_query, .summary = "Events of the providers" },
    { "GET", "/admin/webhooks/{id}", admin_webhook, ACCESS_OPERATOR, .scope = "webhooks:read", .answer = ANSWER_PAGE,
        .summary = "One event" },
    { "POST", "/admin/webhooks/replay", admin_webhooks_replay, ACCESS_OPERATOR, .scope = "webhooks:write", .answer = ANSWER_PAGE,
        .asked = admin_webhooks_replay_asked, .summary = "Process again what a filter finds" },
    { "POST", "/admin/webhooks/{id}/replay", admin_webhook_replay, ACCESS_OPERATOR, .scope = "webhooks:write",
        .answer = ANSWER_PAGE, .asked = admin_webhook_replay_asked, .summary = "Process an event again" },
    { "GET", "/admin/reconciliation", admin_reconciliations, ACCESS_OPERATOR, .scope = "reports:read", .answer = ANSWER_PAGE,
        .query = admin_reconciliations_query, .summary = "Comparisons with the providers' books" },
    { "POST", "/admin/reconciliation", admin_reconciliation_start, ACCESS_OPERATOR, .scope = "reports:write",
        .answer = ANSWER_PAGE, .asked = admin_reconciliation_start_asked, .summary = "Compare some days now" },
    { "GET", "/admin/reconciliation/payouts", admin_payouts, ACCESS_OPERATOR, .scope = "reports:read", .answer = ANSWER_PAGE,
        .query = admin_reconciliations_query, .summary = "Payouts, and what they are made of" },
    { "GET", "/admin/reconciliation/{id}", admin_reconciliation, ACCESS_OPERATOR, .scope = "reports:read", .answer = ANSWER_PAGE,
        .query = admin_reconciliation_query, .summary = "One comparison and what differs" },
    { "GET", "/admin/reconciliation/{id}/csv", admin_reconciliation_csv, ACCESS_OPERATOR, .scope = "reports:read",
        .answer = ANSWER_PAGE, .summary = "What differs, as CSV" },
    { "POST", "/admin/reconciliation/{id}/differences/{number}/resolve", admin_difference_resolve, ACCESS_OPERATOR,
        .scope = "reports:write", .answer = ANSWER_PAGE, .asked = admin_difference_resolve_asked,
        .summary = "Settle a difference, with a reason" },
    /* The dashboard's money */
    { "GET", "/admin/payments", admin_payments, ACCESS_OPERATOR, .scope = "payments:read", .answer = ANSWER_PAGE,
        .summary = "List and search payments" },
    { "GET", "/admin/payments/export", admin_payments_export, ACCESS_OPERATOR, .scope = "reports:read", .answer = ANSWER_PAGE,
        .summary = "The same list as CSV" },
    { "POST", "/admin/payments/views", admin_payments_keep_view, ACCESS_OPERATOR, .scope = "payments:read", .answer = ANSWER_PAGE,
        .summary = "Keep filters under a name" },
    { "POST", "/admin/payments/views/{id}/delete", admin_payments_delete_view, ACCESS_OPERATOR, .scope = "payments:read",
        .answer = ANSWER_PAGE, .summary = "Forget kept filters" },
    { "GET", "/admin/payments/{id}", admin_payment, ACCESS_OPERATOR, .scope = "payments:read", .answer = ANSWER_PAGE,
        .summary = "One payment with its story" },
    { "POST", "/admin/payments/{id}/capture", admin_payment_capture, ACCESS_OPERATOR, .scope = "payments:write",
        .answer = ANSWER_PAGE, .summary = "Capture it" },
    { "POST", "/admin/payments/{id}/cancel", admin_payment_cancel, ACCESS_OPERATOR, .scope = "payments:write",
        .answer = ANSWER_PAGE, .summary = "Cancel it" },
    { "POST", "/admin/payments/{id}/sync", admin_payment_sync, ACCESS_OPERATOR, .scope = "payments:write",
        .answer = ANSWER_PAGE, .summary = "Ask the provider how it stands" },
    { "POST", "/admin/payments/{id}/retry", admin_payment_retry, ACCESS_OPERATOR, .scope = "decisions:write",
        .answer = ANSWER_PAGE, .summary = "Try work again that is out of tries" },
    { "POST", "/admin/payments/{id}/resolve", admin_payment_resolve, ACCESS_OPERATOR, .scope = "decisions:write",
        .answer = ANSWER_PAGE, .summary = "Mark its open tasks as resolved" },
    { "POST", "/admin/payments/{id}/reveal", admin_payment_reveal, ACCESS_OPERATOR, .scope = "customers:reveal",
        .answer = ANSWER_PAGE, .summary = "Show the customer's name and e-mail, once" },
    { "GET", "/admin/payments/{id}/refund", admin_refund_dialog, ACCESS_OPERATOR, .scope = "refunds:request",
        .answer = ANSWER_PAGE, .summary = "Give money back" },
    { "POST", "/admin/payments/{id}/refund", admin_refund_send, ACCESS_OPERATOR, .scope = "refunds:request",
        .answer = ANSWER_PAGE, .summary = "Show what a refund does, or do it" },
    { "GET", "/admin/refunds", admin_refunds, ACCESS_OPERATOR, .scope = "payments:read", .answer = ANSWER_PAGE,
        .summary = "List refunds" },
    { "GET", "/admin/refunds/approvals", admin_approvals, ACCESS_OPERATOR, .scope = "payments:read", .answer = ANSWER_PAGE,
        .summary = "Refunds that a second person decides about" },
    { "GET", "/admin/refunds/approvals/{id}", admin_approval, ACCESS_OPERATOR, .scope = "payments:read", .answer = ANSWER_PAGE,
        .summary = "One of them" },
    { "POST", "/admin/refunds/approvals/{id}/approve", admin_approval_approve, ACCESS_OPERATOR, .scope = "refunds:approve",
        .answer = ANSWER_PAGE, .summary = "Agree, and make the refund" },
    { "POST", "/admin/refunds/approvals/{id}/reject", admin_approval_reject, ACCESS_OPERATOR, .scope = "refunds:approve",
        .answer = ANSWER_PAGE, .summary = "Do not agree" },
    { "POST", "/admin/refunds/approvals/{id}/withdraw", admin_approval_withdraw, ACCESS_OPERATOR, .scope = "refunds:request",
        .answer = ANSWER_PAGE, .summary = "Take back what one asked for" },

    /* Cron and people */
    { "POST", "/api/v1/maintenance/{kind}", maintenance_api_run, ACCESS_API_KEY, .scope = "maintenance:run",
        .shown = maintenance_ran_shown, .tag = "Maintenance",
        .summary = "Run a kind of maintenance now: resolve, sweep, jobs, retention or seal" },
    { "POST", "/api/v1/maintenance/reconcile", maintenance_api_reconcile, ACCESS_API_KEY, .scope = "maintenance:run",
        .asked = maintenance_reconcile_asked, .shown = maintenance_ran_shown, .tag = "Maintenance",
        .summary = "Compare our books with the providers': yesterday, or the time given" },
    { "GET", "/api/v1/maintenance", maintenance_api_list, ACCESS_API_KEY, .scope = "maintenance:run",
        .shown = maintenance_shown, .shown_list = true, .tag = "Maintenance",
        .summary = "The last run of each kind of maintenance" },
    { "GET", "/api/v1/decisions", maintenance_api_decisions, ACCESS_API_KEY, .scope = "decisions:read",
        .query = maintenance_decisions_query, .shown = decision_shown, .shown_list = true, .tag = "Maintenance",
        .summary = "What a person must decide, with what is known and what to do" },

    /* Reports */
    { "GET", "/api/v1/reconciliations", reconcile_api_list, ACCESS_API_KEY, .scope = "reports:read",
        .query = reconcile_list_query, .shown = reconciliation_shown, .shown_list = true, .tag = "Reports",
        .summary = "List comparisons with the providers' books, newest first" },
    { "GET", "/api/v1/reconciliations/{id}", reconcile_api_get, ACCESS_API_KEY, .scope = "reports:read",
        .shown = reconciliation_shown, .tag = "Reports",
        .summary = "One comparison with a provider's books" },
    { "GET", "/api/v1/reconciliations/{id}/differences", reconcile_api_differences, ACCESS_API_KEY, .scope = "reports:read",
        .query = reconcile_differences_query, .shown = difference_shown, .shown_list = true, .tag = "Reports",
        .summary = "What a comparison found, each with what to do; as CSV with format=csv or Accept: text/csv" },

    /* The program itself */
    { "GET", "/api/v1/openapi.json", service_openapi, ACCESS_PUBLIC, .unlimited = true,
        .summary = "This API's description" },
    { "POST", "/api/v1/test/clock", service_clock, ACCESS_API_KEY, .scope = "clock:write",
        .asked = service_clock_asked, .shown = service_clock_shown, .tag = "Test mode",
        .summary = "Move time, in test mode" },
    { "GET", "/docs", reference_page, ACCESS_PUBLIC, .answer = ANSWER_PAGE,
        .summary = "The API for people" },
    { "GET", "/docs/errors", service_errors, ACCESS_PUBLIC, .answer = ANSWER_PAGE,
        .summary = "What every error code means" },
    { "GET", "/healthz", service_health, ACCESS_PUBLIC, .unlimited = true, .shown = service_shown,
        .summary = "Whether this process answers" },
    { "GET", "/readyz", service_ready, ACCESS_PUBLIC, .unlimited = true, .shown = service_shown,
        .summary = "Whether it can do its work" },
};
/* clang-format on */

const size_t route_count = sizeof routes / sizeof *routes;
