"""All settings, readable from top to bottom; dev, test and production only change a few lines."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _
from oscar.defaults import *  # Oscar reads its defaults from here

from settings import env

ROOT = Path(__file__).resolve().parent.parent
VAR = Path(env.text("VAR_DIR") or ROOT / "var")

# -- What runs -----------------------------------------------------------------------------------------------------
DEBUG = False
DEMO = env.flag("DEMO")
SECRET_KEY = env.secret("SECRET_KEY", "")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]")
SITE_URL = env.text("SITE_URL", "http://127.0.0.1:8000")
ROOT_URLCONF = "settings.urls"
WSGI_APPLICATION = "settings.wsgi.application"
SITE_ID = 1
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    # Our own pages first, so that its templates win over Django's and Oscar's.
    "timebank.ui",
    "timebank.common",
    "timebank.ledger",
    "timebank.registry",
    "timebank.policy",
    "timebank.service",
    "timebank.villages",
    "timebank.messages",
    "marketplace.funds",
    "marketplace.payments",
    "marketplace.rewards",
    "marketplace.desk",
    "marketplace.sponsors",
    "marketplace.counter",
    # Only where somebody looks around or develops
    *(["timebank.ui.styleguide", "marketplace.demo"] if DEMO else []),
    # Django
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.sites",
    "django.contrib.flatpages",
    # Oscar: first our forks, so that their templates and words win, then the rest
    "marketplace.catalogue.apps.CatalogueConfig",
    "marketplace.partner.apps.PartnerConfig",
    "marketplace.order.apps.OrderConfig",
    "marketplace.basket.apps.BasketConfig",
    "marketplace.operators.apps.DashboardConfig",
    "marketplace.operators.orders.apps.OrdersDashboardConfig",
    "marketplace.operators.catalogue.apps.CatalogueDashboardConfig",
    "marketplace.apps.MarketplaceShop",
    "marketplace.apps.QuietAnalytics",
    "oscar.apps.address.apps.AddressConfig",
    "oscar.apps.checkout.apps.CheckoutConfig",
    "oscar.apps.shipping.apps.ShippingConfig",
    "oscar.apps.search.apps.SearchConfig",
    "oscar.apps.catalogue.reviews.apps.CatalogueReviewsConfig",
    "oscar.apps.communication.apps.CommunicationConfig",
    "oscar.apps.payment.apps.PaymentConfig",
    "oscar.apps.offer.apps.OfferConfig",
    "oscar.apps.customer.apps.CustomerConfig",
    "oscar.apps.voucher.apps.VoucherConfig",
    "oscar.apps.wishlists.apps.WishlistsConfig",
    # What Oscar needs
    "widget_tweaks",
    "haystack",
    "treebeard",
    "django_tables2",
    # Of allauth only the second factor is used: no addresses, no sign-in of its own (docs/adr/0016-staff-accounts.md)
    "allauth",
    "allauth.account",
    "allauth.mfa",
    # Others
    "django_htmx",
    "axes",
    "csp",
    "django_celery_beat",
    "django_celery_results",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "timebank.common.middleware.PlainTextMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "timebank.ui.middleware.PreferencesMiddleware",
    "timebank.ui.middleware.KeepTypedMiddleware",
    "timebank.ui.middleware.RefusedMethodMiddleware",
    "timebank.registry.middleware.OwnPasswordMiddleware",
    "timebank.registry.middleware.StaffSessionMiddleware",
    "timebank.common.middleware.UploadLimitMiddleware",
    "timebank.registry.middleware.ActsForMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "marketplace.basket.middleware.BasketMiddleware",
    "allauth.account.middleware.AccountMiddleware",  # its app does not start without
    "axes.middleware.AxesMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "oscar.core.context_processors.metadata",
                "timebank.ui.context.ui",
            ],
            # Oscar's money filter writes points: one line here instead of 32 copied templates.
            "libraries": {"currency_filters": "marketplace.points"},
            # Beside the token every form says for whom its page was made.
            "builtins": ["timebank.registry.templatetags.acts_for"],
        },
    }
]

# -- Where it keeps things ---------------------------------------------------------------------------------------------
DATABASES = {"default": env.database("DATABASE_URL", f"sqlite:///{VAR / 'shanji.sqlite3'}")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3") and DATABASES["default"]["NAME"] != ":memory:":
    Path(DATABASES["default"]["NAME"]).parent.mkdir(parents=True, exist_ok=True)  # a fresh clone has no var/ yet
# A view never holds a transaction: services own theirs, so that a refused webhook can still keep its row.
DATABASES["default"]["ATOMIC_REQUESTS"] = False
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"
MEDIA_URL = "/media/"
MEDIA_ROOT = VAR / "media"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024

# -- Who comes in ------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "registry.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "timebank.registry.backends.PhoneCardOrEmailBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "registry:sign_in"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
# Where a proxy stands in front, it writes who asks (docs: README); without one nobody's header is believed.
BEHIND_PROXY = env.flag("BEHIND_PROXY")
AXES_CLIENT_IP_CALLABLE = "timebank.common.limits.address_of"
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
# One counter per account, by phone, card or e-mail, however it was written.
AXES_USERNAME_CALLABLE = "timebank.registry.backends.counted_as"
AXES_LOCKOUT_TEMPLATE = "registry/locked_out.html"
AXES_RESET_ON_SUCCESS = True
SESSION_COOKIE_AGE = 60 * 60 * 24 * 14
SESSION_COOKIE_HTTPONLY = True
# Who appoints, mints, pays or reads personal data signs in with a code as well; in the demo it is only offered.
SECOND_FACTOR = env.flag("SECOND_FACTOR", not DEMO)
STAFF_IDLE_SECONDS = 30 * 60  # then who sits there says again who they are
STAFF_SESSION_SECONDS = 12 * 60 * 60  # then they sign in anew
CONFIRM_SECONDS = 30 * 60  # a password or code holds so long for appointing, publishing and paying
MFA_ADAPTER = "timebank.registry.mfa.Adapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "善集"
MFA_TOTP_TOLERANCE = 1  # the clock of an old phone may be half a minute off
CSRF_FAILURE_VIEW = "timebank.ui.views.csrf_failure"
# Keys for ID numbers at rest, newest first: the first encrypts, all decrypt, so a key can be rotated.
ID_NUMBER_KEYS = [key for key in env.secret("ID_NUMBER_KEYS", "").split(",") if key]

# -- Messages that leave (docs/channels.md): without an address they go to the console --
_MAIL = env.mail_server("EMAIL_URL")
EMAIL_BACKEND, EMAIL_HOST, EMAIL_PORT = _MAIL["BACKEND"], _MAIL["HOST"], _MAIL["PORT"]
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _MAIL.get("HOST_USER", ""), _MAIL.get("HOST_PASSWORD", "")
EMAIL_USE_TLS, EMAIL_USE_SSL = _MAIL.get("USE_TLS", False), _MAIL.get("USE_SSL", False)
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", "shanji@localhost")
EMAIL_DOMAIN = DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip(">") or "localhost"  # of the number that a mail carries
SMS_URL, SMS_TOKEN = env.text("SMS_URL"), env.secret("SMS_TOKEN", "")

# -- Money that comes in (docs/payments.md) --
STRIPE_SECRET_KEY = env.secret("STRIPE_SECRET_KEY", "")
# Newest first; all are tried, so a secret can be rotated.
STRIPE_WEBHOOK_SECRETS = [item.strip() for item in env.secret("STRIPE_WEBHOOK_SECRETS", "").split(",") if item.strip()]
# The demo practises with a double on this machine; a system check refuses it anywhere else.
# Two demos on one machine get two doubles: 8021 beside 8000.
PRACTICE_PORT = env.whole("PRACTICE_PORT", int(port) + 21 if (port := env.text("PORT", "8000")).isdecimal() else 8021)
PRACTICE_PAYMENTS = f"http://127.0.0.1:{PRACTICE_PORT}" if DEMO and not STRIPE_SECRET_KEY else ""
PRACTICE_WEBHOOK_SECRET = f"whsec_{sha256(f'practice {SECRET_KEY}'.encode()).hexdigest()}"
# A posted form may lead to the provider's page: Chromium holds the redirect against this list as well.
_PAYMENT_PAGES = ["https://checkout.stripe.com"] if STRIPE_SECRET_KEY else [PRACTICE_PAYMENTS] * bool(PRACTICE_PAYMENTS)

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF, *_PAYMENT_PAGES],
        "frame-ancestors": [NONE],
    },
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

# Ed25519 key (hex) that signs the ledger's seals; it must not be kept in the database it vouches for.
LEDGER_SEAL_KEY = env.secret("LEDGER_SEAL_KEY", "")
# Prepared statements and functions of PostgreSQL (timebank/ledger/fast): speed only, never another result.
LEDGER_FAST_PATH = env.flag("LEDGER_FAST_PATH", True)
# The role that the application signs in as, where another owns the tables: ``migrate`` gives it what it needs.
DATABASE_APP_ROLE = env.text("DATABASE_APP_ROLE")

# -- Language and time -------------------------------------------------------------------------------------------------
LANGUAGE_CODE = env.text("LANGUAGE_CODE", "zh-hans")
LANGUAGES = [("zh-hans", _("Chinese")), ("en", _("English"))]
LOCALE_PATHS = [ROOT / "settings" / "locale"]  # what Oscar leaves untranslated; apps keep their own
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Asia/Shanghai"
LANGUAGE_COOKIE_AGE = 60 * 60 * 24 * 365

# -- Background work ---------------------------------------------------------------------------------------------------
CELERY_BROKER_URL = env.secret("BROKER_URL", "filesystem://localhost")
CELERY_RESULT_BACKEND = "django-db"
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_REDIRECT_STDOUTS = False  # a traceback stays readable
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
# What beat starts is declared by the apps (``beat`` of their contract) and composed in ``settings.celery``.
if CELERY_BROKER_URL.startswith("filesystem://"):
    # The embedded broker needs no server. It may lose a message in flight when a worker is killed: harmless, because
    # every due effect is a row in the database that a beat task sweeps.
    _queue = VAR / "queue"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(_queue / "messages"),
        "data_folder_out": str(_queue / "messages"),
        "processed_folder": str(_queue / "processed"),
        "control_folder": str(_queue / "control"),
        "store_processed": False,
        "polling_interval": 0.05,
    }

# -- The shop (Oscar) --------------------------------------------------------------------------------------------------
OSCAR_SHOP_NAME = "善集"
OSCAR_DEFAULT_CURRENCY = "PTS"
OSCAR_SLUG_ALLOW_UNICODE = True
OSCAR_ALLOW_ANON_CHECKOUT = False
OSCAR_EAGER_ALERTS = False  # else every allocation runs the back-in-stock mailer inside the stock lock
OSCAR_HIDDEN_FEATURES = ["reviews", "wishlists"]
OSCAR_INITIAL_ORDER_STATUS = OSCAR_INITIAL_LINE_STATUS = "placed"
# Keys are for programs; marketplace.order.models.STATUS_LABELS says them. An undo leads back within minutes.
OSCAR_ORDER_STATUS_PIPELINE = OSCAR_LINE_STATUS_PIPELINE = {
    "placed": ("partly_handed_over", "handed_over", "cancelled", "expired"),
    "partly_handed_over": ("placed", "handed_over", "cancelled", "expired"),
    "handed_over": ("placed", "partly_handed_over", "returned"),
    "cancelled": (),
    "expired": ("placed",),
    "returned": (),
}
OSCAR_DELETE_IMAGE_FILES = False  # an old order still shows its picture
OSCAR_MAX_BASKET_QUANTITY_THRESHOLD = 99
OSCAR_PRODUCTS_PER_PAGE = 24
SHELF_SECONDS = env.whole("SHELF_SECONDS", 5)  # so old a drawn shelf may be; 0: never kept
# Forks without models of ours keep Oscar's own migrations.
MIGRATION_MODULES = {"basket": "oscar.apps.basket.migrations"}
# Lists and search ask the database: haystack's simple engine keeps no index and splits no Chinese.
HAYSTACK_CONNECTIONS = {
    "default": {
        "ENGINE": "haystack.backends.simple_backend.SimpleEngine",
        "EXCLUDED_INDEXES": [
            "oscar.apps.search.search_indexes.ProductIndex",
            "oscar.apps.search.search_indexes.CoreProductIndex",
        ],
    }
}
SILENCED_SYSTEM_CHECKS = ["templates.W003"]

# -- Shanji ------------------------------------------------------------------------------------------------------------
POINT_PRICE_STEP = 50  # 1/100 point: shop prices move in half points, discounts round up to the step
NOTICE_DAYS = env.whole("NOTICE_DAYS", 7)  # days a verified record is public before it earns
ENTRY_WORKING_DAYS = 10  # Order 67 (2021) art. 11: a record is entered within 10 working days
OBJECTION_WORKING_DAYS = 7  # Wendeng rural measures art. 19
WITHDRAWAL_WORKING_DAYS = 3  # Wendeng rural measures art. 20
MONTH_CLOSE_DAY = 10  # Wendeng rural measures art. 16
QR_SECONDS = 30  # a photograph of the attendance QR is worthless after this

# -- Logs --------------------------------------------------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"desk": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["desk"], "level": "INFO"},
    "loggers": {"django.server": {"level": "WARNING"}, "axes": {"level": "WARNING"}, "stripe": {"level": "WARNING"}},
}
