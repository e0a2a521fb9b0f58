"""What of libwolfssl is called, as its headers declare it (wolfssl/ssl.h, wolfio.h; 5.5 to 5.9).

A test compiles these lines behind the real headers, so that a prototype that differs is found before it is called.
Macros are not here: what a header makes of a macro is not in the library.
"""

from __future__ import annotations

TYPES = """
typedef struct WOLFSSL WOLFSSL;
typedef struct WOLFSSL_CTX WOLFSSL_CTX;
typedef struct WOLFSSL_METHOD WOLFSSL_METHOD;
typedef struct WOLFSSL_SESSION WOLFSSL_SESSION;
typedef struct WOLFSSL_CRL WOLFSSL_CRL;
typedef struct WOLFSSL_X509 WOLFSSL_X509;
typedef struct WOLFSSL_X509_CHAIN WOLFSSL_X509_CHAIN;
typedef struct WOLFSSL_X509_STORE_CTX WOLFSSL_X509_STORE_CTX;
typedef int (*CallbackIORecv)(WOLFSSL*, char*, int, void*);
typedef int (*CallbackIOSend)(WOLFSSL*, char*, int, void*);
typedef int (*CbCrlIO)(WOLFSSL_CRL*, const char*, int);
typedef int (*VerifyCallback)(int, WOLFSSL_X509_STORE_CTX*);
typedef int (*SessionTicketEncCb)(WOLFSSL*, unsigned char*, unsigned char*, unsigned char*, int, unsigned char*, int,
                                  int*, void*);
typedef unsigned int (*wc_psk_client_callback)(WOLFSSL*, const char*, char*, unsigned int, unsigned char*,
                                               unsigned int);
typedef unsigned int (*wc_psk_client_tls13_callback)(WOLFSSL*, const char*, char*, unsigned int, unsigned char*,
                                                     unsigned int, const char**);
typedef unsigned int (*wc_psk_server_callback)(WOLFSSL*, const char*, unsigned char*, unsigned int);
typedef unsigned int (*wc_psk_server_tls13_callback)(WOLFSSL*, const char*, unsigned char*, unsigned int,
                                                     const char**);
"""
"""Types that only go through; wolfSSL's own names."""

STRUCTURES = """
typedef struct WOLFSSL_ALERT { int code; int level; } WOLFSSL_ALERT;
typedef struct WOLFSSL_ALERT_HISTORY { WOLFSSL_ALERT last_rx; WOLFSSL_ALERT last_tx; } WOLFSSL_ALERT_HISTORY;
"""
"""The one structure that is looked into; no build option changes it."""

NEEDED = """
int wolfSSL_Init(void);
const char* wolfSSL_lib_version(void);
unsigned int wolfSSL_lib_version_hex(void);
WOLFSSL_METHOD* wolfSSLv23_client_method(void);
WOLFSSL_METHOD* wolfSSLv23_server_method(void);
WOLFSSL_METHOD* wolfTLSv1_2_client_method(void);
WOLFSSL_METHOD* wolfTLSv1_2_server_method(void);
WOLFSSL_CTX* wolfSSL_CTX_new(WOLFSSL_METHOD*);
void wolfSSL_CTX_free(WOLFSSL_CTX*);
int wolfSSL_CTX_SetMinVersion(WOLFSSL_CTX*, int);
int wolfSSL_CTX_set_cipher_list(WOLFSSL_CTX*, const char*);
int wolfSSL_CTX_SetMinRsaKey_Sz(WOLFSSL_CTX*, short);
int wolfSSL_CTX_SetMinEccKey_Sz(WOLFSSL_CTX*, short);
int wolfSSL_CTX_UseSupportedCurve(WOLFSSL_CTX*, unsigned short);
void wolfSSL_CTX_set_verify(WOLFSSL_CTX*, int, VerifyCallback);
int wolfSSL_CTX_load_verify_buffer(WOLFSSL_CTX*, const unsigned char*, long, int);
int wolfSSL_CTX_use_certificate_chain_buffer(WOLFSSL_CTX*, const unsigned char*, long);
int wolfSSL_CTX_use_PrivateKey_buffer(WOLFSSL_CTX*, const unsigned char*, long, int);
int wolfSSL_CTX_check_private_key(const WOLFSSL_CTX*);
long wolfSSL_CTX_set_session_cache_mode(WOLFSSL_CTX*, long);
void wolfSSL_CTX_SetIORecv(WOLFSSL_CTX*, CallbackIORecv);
void wolfSSL_CTX_SetIOSend(WOLFSSL_CTX*, CallbackIOSend);
WOLFSSL* wolfSSL_new(WOLFSSL_CTX*);
void wolfSSL_free(WOLFSSL*);
void wolfSSL_SetIOReadCtx(WOLFSSL*, void*);
void wolfSSL_SetIOWriteCtx(WOLFSSL*, void*);
void* wolfSSL_GetIOReadCtx(WOLFSSL*);
int wolfSSL_check_domain_name(WOLFSSL*, const char*);
int wolfSSL_UseSNI(WOLFSSL*, unsigned char, const void*, unsigned short);
int wolfSSL_connect(WOLFSSL*);
int wolfSSL_accept(WOLFSSL*);
int wolfSSL_read(WOLFSSL*, void*, int);
int wolfSSL_write(WOLFSSL*, const void*, int);
int wolfSSL_shutdown(WOLFSSL*);
int wolfSSL_get_error(WOLFSSL*, int);
char* wolfSSL_ERR_error_string(unsigned long, char*);
int wolfSSL_get_alert_history(WOLFSSL*, WOLFSSL_ALERT_HISTORY*);
const char* wolfSSL_get_version(const WOLFSSL*);
const char* wolfSSL_get_cipher_name(WOLFSSL*);
int wolfSSL_session_reused(WOLFSSL*);
WOLFSSL_X509* wolfSSL_get_peer_certificate(WOLFSSL*);
const unsigned char* wolfSSL_X509_get_der(WOLFSSL_X509*, int*);
void wolfSSL_X509_free(WOLFSSL_X509*);
"""
"""Without one of these nothing is begun."""

WANTED = """
WOLFSSL_METHOD* wolfTLSv1_3_client_method(void);
WOLFSSL_METHOD* wolfTLSv1_3_server_method(void);
int wolfSSL_CTX_set_groups(WOLFSSL_CTX*, int*, int);
int wolfSSL_CTX_set1_sigalgs_list(WOLFSSL_CTX*, const char*);
int wolfSSL_CTX_only_dhe_psk(WOLFSSL_CTX*);
int wolfSSL_CTX_mutual_auth(WOLFSSL_CTX*, int);
int wolfSSL_X509_STORE_CTX_get_error_depth(WOLFSSL_X509_STORE_CTX*);
int wolfSSL_CTX_LoadCRLBuffer(WOLFSSL_CTX*, const unsigned char*, long, int);
int wolfSSL_CTX_EnableCRL(WOLFSSL_CTX*, int);
int wolfSSL_CTX_SetCRL_IOCb(WOLFSSL_CTX*, CbCrlIO);
int wolfSSL_CTX_set_TicketEncCb(WOLFSSL_CTX*, SessionTicketEncCb);
int wolfSSL_CTX_set_TicketHint(WOLFSSL_CTX*, int);
int wolfSSL_CTX_set_timeout(WOLFSSL_CTX*, unsigned int);
int wolfSSL_CTX_set_num_tickets(WOLFSSL_CTX*, size_t);
int wolfSSL_CTX_no_ticket_TLSv13(WOLFSSL_CTX*);
int wolfSSL_CTX_NoTicketTLSv12(WOLFSSL_CTX*);
int wolfSSL_UseKeyShare(WOLFSSL*, unsigned short);
int wc_GetTime(void*, unsigned int);
WOLFSSL_SESSION* wolfSSL_get1_session(WOLFSSL*);
int wolfSSL_set_session(WOLFSSL*, WOLFSSL_SESSION*);
int wolfSSL_SESSION_has_ticket(const WOLFSSL_SESSION*);
void wolfSSL_SESSION_free(WOLFSSL_SESSION*);
void wolfSSL_CTX_sess_set_new_cb(WOLFSSL_CTX*, int (*)(WOLFSSL*, WOLFSSL_SESSION*));
void wolfSSL_CTX_sess_set_get_cb(WOLFSSL_CTX*, WOLFSSL_SESSION* (*)(WOLFSSL*, const unsigned char*, int, int*));
long wolfSSL_CTX_get_session_cache_mode(WOLFSSL_CTX*);
const unsigned char* wolfSSL_SESSION_get_id(const WOLFSSL_SESSION*, unsigned int*);
int wolfSSL_i2d_SSL_SESSION(WOLFSSL_SESSION*, unsigned char**);
WOLFSSL_SESSION* wolfSSL_d2i_SSL_SESSION(WOLFSSL_SESSION**, const unsigned char**, long);
int wolfSSL_check_ip_address(WOLFSSL*, const char*);
WOLFSSL_X509_CHAIN* wolfSSL_get_peer_chain(WOLFSSL*);
int wolfSSL_get_chain_count(WOLFSSL_X509_CHAIN*);
int wolfSSL_get_chain_length(WOLFSSL_X509_CHAIN*, int);
unsigned char* wolfSSL_get_chain_cert(WOLFSSL_X509_CHAIN*, int);
const char* wolfSSL_get_curve_name(WOLFSSL*);
void wolfSSL_ERR_clear_error(void);
void wolfSSL_CTX_set_psk_client_callback(WOLFSSL_CTX*, wc_psk_client_callback);
void wolfSSL_CTX_set_psk_client_tls13_callback(WOLFSSL_CTX*, wc_psk_client_tls13_callback);
void wolfSSL_CTX_set_psk_server_callback(WOLFSSL_CTX*, wc_psk_server_callback);
void wolfSSL_CTX_set_psk_server_tls13_callback(WOLFSSL_CTX*, wc_psk_server_tls13_callback);
"""
"""What a build may lack; each is looked up before it is called."""

# Values of macros and enums in those headers.
SUCCESS = 1
PEM, DER = 1, 2
VERIFY_NOBODY, VERIFY_PEER, FAIL_IF_NO_PEER_CERT = 0, 1, 2
WANT_READ, ZERO_RETURN = 2, 6
CALLBACK_WANT_READ = -2
TLSV1_2, TLSV1_3 = 3, 4
SNI_HOST_NAME = 0
SESSION_CACHE_OFF, SESSION_CACHE_OURS = 0x0000, 0x0302
TICKET_OK, TICKET_REJECT = 0, 1
TICKET_NAME, TICKET_IV, TICKET_MAC = 16, 16, 32
"""Bytes of the three fields around a ticket."""
