#include "base/ctx.h"
#include "base/field.h"
#include "sandbox/memory.h"
#include "sandbox/operations.h"

struct failure *account_get(struct call *call)
{
    call->answer = json_in(call->ctx->arena,
        blank(
            "{'id':'acct_1TillSandbox00','object':'account','business_profile':{'mcc':'5734','name':'Till sandbox',"
            "'product_description':null,'support_address':null,'support_email':null,'support_phone':null,"
            "'support_url':null,'url':null},'business_type':'company','capabilities':{'card_payments':'active',"
            "'sepa_debit_payments':'active','transfers':'active'},'charges_enabled':true,'country':'DE',"
            "'created':1600000000,'default_currency':'usd','details_submitted':true,'email':'owner@example.com',"
            "'metadata':{},'payouts_enabled':true,'settings':{'branding':{'icon':null,'logo':null,'primary_color':null,"
            "'secondary_color':null},'card_payments':{'decline_on':{'avs_failure':false,'cvc_failure':false},"
            "'statement_descriptor_prefix':'TILL','statement_descriptor_prefix_kana':null,"
            "'statement_descriptor_prefix_kanji':null},'dashboard':{'display_name':'Till "
            "sandbox','timezone':'Etc/UTC'},"
            "'payments':{'statement_descriptor':'TILL SANDBOX','statement_descriptor_kana':null,"
            "'statement_descriptor_kanji':null}},'type':'standard'}"));
    return NULL;
}
