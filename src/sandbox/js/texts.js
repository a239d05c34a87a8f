// @ts-check
"use strict";

/* The card form's words, as far as the stand-in needs them. */
const elementTexts = {
    en: {
        number: "Card number", expiry: "Expiration date", cvc: "Security code", country: "Country", postal: "ZIP or postal code",
        incomplete_number: "Your card number is incomplete.", invalid_number: "Your card number is invalid.",
        incomplete_expiry: "Your card’s expiration date is incomplete.", invalid_expiry_month: "Your card’s expiration month is invalid.",
        invalid_expiry_month_past: "Your card’s expiration date is in the past.", invalid_expiry_year_past: "Your card’s expiration year is in the past.",
        incomplete_cvc: "Your card’s security code is incomplete.", incomplete_zip: "Your postal code is incomplete.",
    },
    de: {
        number: "Kartennummer", expiry: "Ablaufdatum", cvc: "Prüfziffer", country: "Land", postal: "Postleitzahl",
        incomplete_number: "Ihre Kartennummer ist unvollständig.", invalid_number: "Ihre Kartennummer ist ungültig.",
        incomplete_expiry: "Das Ablaufdatum Ihrer Karte ist unvollständig.", invalid_expiry_month: "Der Ablaufmonat Ihrer Karte ist ungültig.",
        invalid_expiry_month_past: "Das Ablaufdatum Ihrer Karte liegt in der Vergangenheit.", invalid_expiry_year_past: "Das Ablaufjahr Ihrer Karte liegt in der Vergangenheit.",
        incomplete_cvc: "Die Prüfziffer Ihrer Karte ist unvollständig.", incomplete_zip: "Ihre Postleitzahl ist unvollständig.",
    },
    fr: {
        number: "Numéro de carte", expiry: "Date d’expiration", cvc: "Code de sécurité", country: "Pays", postal: "Code postal",
        incomplete_number: "Le numéro de votre carte est incomplet.", invalid_number: "Le numéro de votre carte n’est pas valide.",
        incomplete_expiry: "La date d’expiration de votre carte est incomplète.", invalid_expiry_month: "Le mois d’expiration de votre carte n’est pas valide.",
        invalid_expiry_month_past: "La date d’expiration de votre carte est passée.", invalid_expiry_year_past: "L’année d’expiration de votre carte est passée.",
        incomplete_cvc: "Le code de sécurité de votre carte est incomplet.", incomplete_zip: "Votre code postal est incomplet.",
    },
    es: {
        number: "Número de tarjeta", expiry: "Fecha de caducidad", cvc: "Código de seguridad", country: "País", postal: "Código postal",
        incomplete_number: "El número de tu tarjeta está incompleto.", invalid_number: "El número de tu tarjeta no es válido.",
        incomplete_expiry: "La fecha de caducidad de tu tarjeta está incompleta.", invalid_expiry_month: "El mes de caducidad de tu tarjeta no es válido.",
        invalid_expiry_month_past: "La fecha de caducidad de tu tarjeta ya ha pasado.", invalid_expiry_year_past: "El año de caducidad de tu tarjeta ya ha pasado.",
        incomplete_cvc: "El código de seguridad de tu tarjeta está incompleto.", incomplete_zip: "Tu código postal está incompleto.",
    },
    it: {
        number: "Numero della carta", expiry: "Data di scadenza", cvc: "Codice di sicurezza", country: "Paese", postal: "CAP",
        incomplete_number: "Il numero della carta è incompleto.", invalid_number: "Il numero della carta non è valido.",
        incomplete_expiry: "La data di scadenza della carta è incompleta.", invalid_expiry_month: "Il mese di scadenza della carta non è valido.",
        invalid_expiry_month_past: "La data di scadenza della carta è passata.", invalid_expiry_year_past: "L’anno di scadenza della carta è passato.",
        incomplete_cvc: "Il codice di sicurezza della carta è incompleto.", incomplete_zip: "Il CAP è incompleto.",
    },
    nl: {
        number: "Kaartnummer", expiry: "Vervaldatum", cvc: "Beveiligingscode", country: "Land", postal: "Postcode",
        incomplete_number: "Je kaartnummer is onvolledig.", invalid_number: "Je kaartnummer is ongeldig.",
        incomplete_expiry: "De vervaldatum van je kaart is onvolledig.", invalid_expiry_month: "De vervalmaand van je kaart is ongeldig.",
        invalid_expiry_month_past: "De vervaldatum van je kaart is verstreken.", invalid_expiry_year_past: "Het vervaljaar van je kaart is verstreken.",
        incomplete_cvc: "De beveiligingscode van je kaart is onvolledig.", incomplete_zip: "Je postcode is onvolledig.",
    },
    "pt-BR": {
        number: "Número do cartão", expiry: "Data de validade", cvc: "Código de segurança", country: "País", postal: "CEP",
        incomplete_number: "O número do seu cartão está incompleto.", invalid_number: "O número do seu cartão é inválido.",
        incomplete_expiry: "A data de validade do seu cartão está incompleta.", invalid_expiry_month: "O mês de validade do seu cartão é inválido.",
        invalid_expiry_month_past: "A data de validade do seu cartão já passou.", invalid_expiry_year_past: "O ano de validade do seu cartão já passou.",
        incomplete_cvc: "O código de segurança do seu cartão está incompleto.", incomplete_zip: "Seu CEP está incompleto.",
    },
    pl: {
        number: "Numer karty", expiry: "Data ważności", cvc: "Kod zabezpieczający", country: "Kraj", postal: "Kod pocztowy",
        incomplete_number: "Numer karty jest niepełny.", invalid_number: "Numer karty jest nieprawidłowy.",
        incomplete_expiry: "Data ważności karty jest niepełna.", invalid_expiry_month: "Miesiąc ważności karty jest nieprawidłowy.",
        invalid_expiry_month_past: "Data ważności karty już minęła.", invalid_expiry_year_past: "Rok ważności karty już minął.",
        incomplete_cvc: "Kod zabezpieczający karty jest niepełny.", incomplete_zip: "Kod pocztowy jest niepełny.",
    },
    ja: {
        number: "カード番号", expiry: "有効期限", cvc: "セキュリティコード", country: "国", postal: "郵便番号",
        incomplete_number: "カード番号に不備があります。", invalid_number: "カード番号が無効です。",
        incomplete_expiry: "カードの有効期限に不備があります。", invalid_expiry_month: "カードの有効期限の月が無効です。",
        invalid_expiry_month_past: "カードの有効期限が過ぎています。", invalid_expiry_year_past: "カードの有効期限の年が過ぎています。",
        incomplete_cvc: "カードのセキュリティコードに不備があります。", incomplete_zip: "郵便番号に不備があります。",
    },
    ar: {
        number: "رقم البطاقة", expiry: "تاريخ انتهاء الصلاحية", cvc: "رمز الأمان", country: "البلد", postal: "الرمز البريدي",
        incomplete_number: "رقم بطاقتك غير مكتمل.", invalid_number: "رقم بطاقتك غير صحيح.",
        incomplete_expiry: "تاريخ انتهاء صلاحية بطاقتك غير مكتمل.", invalid_expiry_month: "شهر انتهاء صلاحية بطاقتك غير صحيح.",
        invalid_expiry_month_past: "انتهت صلاحية بطاقتك.", invalid_expiry_year_past: "سنة انتهاء صلاحية بطاقتك قد مضت.",
        incomplete_cvc: "رمز أمان بطاقتك غير مكتمل.", incomplete_zip: "الرمز البريدي غير مكتمل.",
    },
};
