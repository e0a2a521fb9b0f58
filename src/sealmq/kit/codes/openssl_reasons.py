"""OpenSSL's reasons: SSL_R_* of sslerr.h, and those of the PEM and X509 parts that people meet when they load files.

A line without a meaning takes the reason's own words. tests/interop/test_error_codes.py compares the numbers with the
headers. Alerts (reasons from 1000 on) are in tls.py.
"""

from __future__ import annotations

from sealmq.kit.codes.code import Code
from sealmq.kit.codes.table import make, rows

ALERTS_FROM = 1000
"""A reason from here on is an alert that was heard: its number is what is above."""

LIBRARIES: dict[int, str] = {2: "SYS", 6: "EVP", 9: "PEM", 11: "X509", 13: "ASN1", 20: "SSL"}
"""ERR_LIB_* of openssl/err.h, those that occur here."""

_SSL = """
100 APP_DATA_IN_HANDSHAKE broken
101 NO_SUITABLE_KEY_SHARE suite no key share is of a group that is allowed here
102 BAD_DH_VALUE broken
103 BAD_CHANGE_CIPHER_SPEC broken
104 INCONSISTENT_EXTMS broken
105 BAD_HELLO_REQUEST broken
106 BAD_DATA_RETURNED_BY_CALLBACK misuse
107 BAD_DECOMPRESSION broken
108 BAD_KEY_SHARE broken
109 CANNOT_CHANGE_CIPHER suite
110 BAD_EXTENSION broken
111 BAD_DIGEST_LENGTH broken
112 MISSING_SIGALGS_EXTENSION suite
113 INVALID_CONFIGURATION_NAME misuse
114 BAD_PSK_IDENTITY psk
115 BAD_PACKET_LENGTH broken
116 BAD_PROTOCOL_VERSION_NUMBER version
117 SSL_COMMAND_SECTION_EMPTY misuse
118 NO_SUITABLE_SIGNATURE_ALGORITHM suite no signature algorithm fits the certificate's key
119 BAD_RSA_ENCRYPT broken
120 INVALID_KEY_UPDATE_TYPE broken
121 STILL_IN_INIT misuse
122 BAD_KEY_UPDATE broken
123 BAD_SIGNATURE key_mismatch the other side could not prove that it has the key of its certificate
124 BAD_SSL_FILETYPE pem
125 SSL_COMMAND_SECTION_NOT_FOUND misuse
126 SSL_SECTION_EMPTY pem
127 BAD_WRITE_RETRY misuse
128 BIO_NOT_SET misuse no socket was given
129 BLOCK_CIPHER_PAD_IS_WRONG corrupted a record's padding is wrong
130 BN_LIB internal
131 CA_DN_LENGTH_MISMATCH pem
132 TOO_MANY_KEY_UPDATES broken
133 CCS_RECEIVED_EARLY broken
134 CERTIFICATE_VERIFY_FAILED check the other side's certificate did not pass the check
135 CERT_LENGTH_MISMATCH broken a certificate's length is wrong
136 SSL_SECTION_NOT_FOUND pem
137 CIPHER_CODE_WRONG_LENGTH suite
139 UNKNOWN_COMMAND misuse
140 COMPRESSED_LENGTH_TOO_LONG broken
141 COMPRESSION_FAILURE broken
142 COMPRESSION_LIBRARY_ERROR broken
144 CONNECTION_TYPE_NOT_SET misuse nothing says whether this is a client or a server
145 DATA_BETWEEN_CCS_AND_FINISHED broken
146 DATA_LENGTH_TOO_LONG large a record's content is longer than is allowed
147 DECRYPTION_FAILED corrupted a record could not be decrypted
148 DH_PUBLIC_VALUE_LENGTH_IS_WRONG suite
149 DIGEST_CHECK_FAILED corrupted the handshake's checksum (Finished) is wrong
150 ENCRYPTED_LENGTH_TOO_LONG large an encrypted record is longer than is allowed
151 ERROR_IN_RECEIVED_CIPHER_LIST broken
152 EXCESSIVE_MESSAGE_SIZE large a handshake message is longer than is allowed
153 EXTRA_DATA_IN_MESSAGE broken
154 GOT_A_FIN_BEFORE_A_CCS broken
155 HTTPS_PROXY_REQUEST not_tls a request to an HTTP proxy came to a port that takes TLS
156 HTTP_REQUEST not_tls an HTTP request came to a port that takes TLS
157 TLS_INVALID_ECPOINTFORMAT_LIST broken
158 AT_LEAST_TLS_1_2_NEEDED_IN_SUITEB_MODE misuse
159 LENGTH_MISMATCH broken
160 LENGTH_TOO_SHORT broken
161 LIBRARY_HAS_NO_CIPHERS suite
162 ILLEGAL_POINT_COMPRESSION broken
163 EXT_LENGTH_MISMATCH broken
164 TOO_MUCH_EARLY_DATA broken
165 MISSING_DSA_SIGNING_CERT no_certificate
166 VERSION_TOO_HIGH version the TLS version is higher than is allowed
167 CONTEXT_NOT_DANE_ENABLED other
168 MISSING_RSA_CERTIFICATE no_certificate
169 MISSING_RSA_ENCRYPTING_CERT no_certificate
170 MISSING_RSA_SIGNING_CERT no_certificate
171 MISSING_TMP_DH_KEY suite
172 DANE_ALREADY_ENABLED other
173 DANE_CANNOT_OVERRIDE_MTYPE_FULL other
174 INVALID_MAX_EARLY_DATA broken
175 DANE_NOT_ENABLED other
176 NO_CERTIFICATES_RETURNED no_certificate the other side sent no certificate
177 NO_CERTIFICATE_ASSIGNED no_certificate no certificate is loaded
178 UNEXPECTED_END_OF_EARLY_DATA broken
179 NO_CERTIFICATE_SET no_certificate no certificate is set
180 DANE_TLSA_BAD_CERTIFICATE other
181 NO_CIPHERS_AVAILABLE suite no cipher suite is turned on here
182 NOT_ON_RECORD_BOUNDARY broken
183 NO_CIPHERS_SPECIFIED suite
184 DANE_TLSA_BAD_CERTIFICATE_USAGE other
185 NO_CIPHER_MATCH suite the list of cipher suites names none that is known
186 BAD_CIPHER misuse
187 NO_COMPRESSION_SPECIFIED suite
188 NO_METHOD_SPECIFIED misuse
189 DANE_TLSA_BAD_DATA_LENGTH other
190 NO_PRIVATE_KEY_ASSIGNED no_certificate no private key is loaded
191 NO_PROTOCOLS_AVAILABLE version no TLS version is turned on here
192 DANE_TLSA_BAD_DIGEST_LENGTH other
193 NO_SHARED_CIPHER suite the two have no cipher suite in common
194 EXCEEDS_MAX_FRAGMENT_SIZE large
195 NULL_SSL_CTX misuse
196 NULL_SSL_METHOD_PASSED misuse
197 OLD_SESSION_CIPHER_NOT_RETURNED ticket
198 PACKET_LENGTH_TOO_LONG large a record is longer than is allowed
199 PEER_DID_NOT_RETURN_A_CERTIFICATE no_certificate the client showed no certificate, and one is demanded
200 DANE_TLSA_BAD_MATCHING_TYPE other
201 DANE_TLSA_BAD_PUBLIC_KEY other
202 DANE_TLSA_BAD_SELECTOR other
203 DANE_TLSA_NULL_DATA other
204 ERROR_SETTING_TLSA_BASE_DOMAIN broken
205 INVALID_ALERT broken
206 CUSTOM_EXT_HANDLER_ALREADY_INSTALLED other
207 PROTOCOL_IS_SHUTDOWN disconnected TLS was closed already
208 SCT_VERIFICATION_FAILED other
209 MISSING_SUPPORTED_GROUPS_EXTENSION suite
210 SSL_SESSION_VERSION_MISMATCH ticket
211 READ_BIO_NOT_SET misuse
212 INVALID_CT_VALIDATION_TYPE other
213 RECORD_LENGTH_MISMATCH broken
214 NO_CHANGE_FOLLOWING_HRR broken
215 REQUIRED_CIPHER_MISSING suite
216 NO_VALID_SCTS other
217 UNSOLICITED_EXTENSION broken
218 CIPHERSUITE_DIGEST_HAS_CHANGED broken
219 BAD_PSK psk
220 SIGNATURE_FOR_NON_SIGNING_CERTIFICATE certificate
221 MISSING_SIGNING_CERT no_certificate
222 INCONSISTENT_EARLY_DATA_ALPN alpn
223 PSK_IDENTITY_NOT_FOUND psk the identity of the pre-shared key is not known
224 PSK_NO_CLIENT_CB psk
225 PSK_NO_SERVER_CB psk
226 CLIENTHELLO_TLSEXT broken
227 PARSE_TLSEXT broken
228 SSL_CTX_HAS_NO_DEFAULT_SSL_VERSION version
229 SSL_HANDSHAKE_FAILURE suite the handshake failed: the line before it says why
230 SSL_LIBRARY_HAS_NO_CIPHERS suite
231 INCONSISTENT_EARLY_DATA_SNI broken
232 SSL3_EXT_INVALID_MAX_FRAGMENT_LENGTH large
233 BAD_EARLY_DATA broken
234 CALLBACK_FAILED misuse a callback of the program failed
235 NO_APPLICATION_PROTOCOL alpn no application protocol (ALPN) in common
236 BAD_HANDSHAKE_STATE misuse
237 OVERFLOW_ERROR internal
238 INVALID_CERTIFICATE_OR_ALG certificate
239 UNABLE_TO_FIND_PUBLIC_KEY_PARAMETERS broken
240 BAD_PACKET broken
241 INSUFFICIENT_SECURITY suite
242 UNABLE_TO_LOAD_SSL3_MD5_ROUTINES internal
243 UNABLE_TO_LOAD_SSL3_SHA1_ROUTINES internal
244 UNEXPECTED_MESSAGE broken
245 UNEXPECTED_RECORD broken
246 UNKNOWN_ALERT_TYPE broken
247 UNKNOWN_CERTIFICATE_TYPE certificate
248 UNKNOWN_CIPHER_RETURNED suite
249 UNKNOWN_CIPHER_TYPE suite
250 UNKNOWN_KEY_EXCHANGE_TYPE broken
251 UNKNOWN_PKEY_TYPE broken
252 UNKNOWN_PROTOCOL not_tls what came is no TLS that is known here
253 BINDER_DOES_NOT_VERIFY psk
254 UNKNOWN_SSL_VERSION version
255 UNKNOWN_STATE misuse
256 MISSING_FATAL broken
257 UNSUPPORTED_COMPRESSION_ALGORITHM suite
258 UNSUPPORTED_PROTOCOL version the other side offers no TLS version that is allowed here
259 UNSUPPORTED_SSL_VERSION version
260 INVALID_CCS_MESSAGE broken
261 WRONG_CIPHER_RETURNED suite
262 UNEXPECTED_CCS_MESSAGE broken
263 BAD_HRR_VERSION version
264 WRONG_SIGNATURE_LENGTH suite
265 WRONG_SIGNATURE_SIZE suite
266 WRONG_SSL_VERSION version the TLS version is not the one that was agreed
267 WRONG_VERSION_NUMBER not_tls what came is no TLS record: the port speaks something else, or an old SSL
268 X509_LIB pem
269 X509_VERIFICATION_SETUP_PROBLEMS misuse
270 PATH_TOO_LONG misuse
271 BAD_LENGTH broken
272 ATTEMPT_TO_REUSE_SESSION_IN_DIFFERENT_CONTEXT ticket
273 SSL_SESSION_ID_CONTEXT_TOO_LONG ticket
274 LIBRARY_BUG internal a fault of the library
275 SERVERHELLO_TLSEXT other
276 UNINITIALIZED misuse the connection was not set up
277 SESSION_ID_CONTEXT_UNINITIALIZED ticket
278 POST_HANDSHAKE_AUTH_ENCODING_ERR broken
279 EXTENSION_NOT_RECEIVED broken
280 INVALID_COMMAND misuse
281 DECRYPTION_FAILED_OR_BAD_RECORD_MAC corrupted a record was altered, or encrypted with another key
282 INVALID_CONTEXT misuse
283 INVALID_CONFIG misuse
284 NOT_SERVER misuse
285 REQUEST_PENDING misuse
286 REQUEST_SENT misuse
287 NO_COOKIE_CALLBACK_SET other
288 PRIVATE_KEY_MISMATCH key_mismatch the private key is not that of the certificate
289 NOT_REPLACING_CERTIFICATE certificate
290 MISSING_PARAMETERS broken
291 APPLICATION_DATA_AFTER_CLOSE_NOTIFY misuse
292 BAD_LEGACY_VERSION version
293 MIXED_HANDSHAKE_AND_NON_HANDSHAKE_DATA broken
294 UNEXPECTED_EOF_WHILE_READING closed the other side closed the TCP connection without closing TLS
295 NO_SUITABLE_GROUPS suite no group fits
296 COPY_PARAMETERS_FAILED internal
297 NO_SUITABLE_DIGEST_ALGORITHM suite
298 RECORD_TOO_SMALL broken
299 CANNOT_GET_GROUP_NAME suite
300 SSL3_SESSION_ID_TOO_LONG ticket
301 SSL_SESSION_ID_CALLBACK_FAILED ticket
302 SSL_SESSION_ID_CONFLICT ticket
303 SSL_SESSION_ID_HAS_BAD_LENGTH broken
304 BAD_ECC_CERT certificate
305 OCSP_CALLBACK_FAILURE ocsp
306 BAD_ECPOINT broken
307 COMPRESSION_ID_NOT_WITHIN_PRIVATE_RANGE suite
308 COOKIE_MISMATCH other
309 DUPLICATE_COMPRESSION_ID broken
310 MISSING_PSK_KEX_MODES_EXTENSION psk
311 MISSING_TMP_ECDH_KEY suite
312 READ_TIMEOUT_EXPIRED silent
313 RECORD_LAYER_FAILURE corrupted a record could not be opened, or is none (OpenSSL 3.2 and later)
314 UNABLE_TO_FIND_ECDH_PARAMETERS broken
315 UNSUPPORTED_ELLIPTIC_CURVE suite
318 ECC_CERT_NOT_FOR_SIGNING certificate
319 SSL3_EXT_INVALID_SERVERNAME pem
320 SSL3_EXT_INVALID_SERVERNAME_TYPE pem
324 NO_REQUIRED_DIGEST suite
325 INVALID_TICKET_KEYS_LENGTH broken
328 INVALID_STATUS_RESPONSE ocsp
329 UNSUPPORTED_STATUS_TYPE ocsp
330 NO_GOST_CERTIFICATE_SENT_BY_PEER other
331 NO_CLIENT_CERT_METHOD no_certificate
332 BAD_HANDSHAKE_LENGTH broken
333 LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED suite
334 DTLS_MESSAGE_TOO_BIG broken
335 RENEGOTIATE_EXT_TOO_LONG renegotiation
336 RENEGOTIATION_ENCODING_ERR renegotiation
337 RENEGOTIATION_MISMATCH renegotiation
338 UNSAFE_LEGACY_RENEGOTIATION_DISABLED renegotiation the other side lacks secure renegotiation (RFC 5746), as
    very old ones do
339 NO_RENEGOTIATION renegotiation
340 INCONSISTENT_COMPRESSION broken
341 INVALID_COMPRESSION_ALGORITHM broken
342 REQUIRED_COMPRESSION_ALGORITHM_MISSING suite
343 COMPRESSION_DISABLED suite
344 OLD_SESSION_COMPRESSION_ALGORITHM_NOT_RETURNED ticket
345 SCSV_RECEIVED_WHEN_RENEGOTIATING renegotiation
347 BAD_SRP_A_LENGTH other
352 BAD_SRTP_MKI_VALUE other
353 BAD_SRTP_PROTECTION_PROFILE_LIST other
354 EMPTY_SRTP_PROTECTION_PROFILE_LIST other
357 INVALID_SRP_USERNAME other
358 MISSING_SRP_PARAM other
359 NO_SRTP_PROFILES other
360 SIGNATURE_ALGORITHMS_ERROR broken
361 SRP_A_CALC other
362 SRTP_COULD_NOT_ALLOCATE_PROFILES other
363 SRTP_PROTECTION_PROFILE_LIST_TOO_LONG other
364 SRTP_UNKNOWN_PROTECTION_PROFILE other
367 TLS_ILLEGAL_EXPORTER_LABEL misuse
368 UNKNOWN_DIGEST suite
369 USE_SRTP_NOT_NEGOTIATED other
370 WRONG_SIGNATURE_TYPE suite a signature is of a kind that is not allowed here
371 BAD_SRP_PARAMETERS other
372 SSL_NEGATIVE_LENGTH misuse a negative length was given
373 INAPPROPRIATE_FALLBACK version the client came back with an older version than both have
374 ECDH_REQUIRED_FOR_SUITEB_MODE broken
376 NO_SHARED_SIGNATURE_ALGORITHMS suite the two have no signature algorithm in common
377 CERT_CB_ERROR misuse the callback for certificates failed
378 WRONG_CURVE suite the curve is not allowed here
380 ILLEGAL_SUITEB_DIGEST broken
381 MISSING_ECDSA_SIGNING_CERT no_certificate
383 WRONG_CERTIFICATE_TYPE suite the certificate's key is of a kind that the suite does not take
384 BAD_VALUE misuse
385 INVALID_NULL_CMD_NAME misuse
386 UNKNOWN_CMD_NAME misuse
388 INVALID_SERVERINFO_DATA pem
389 NO_PEM_EXTENSIONS pem
390 BAD_DATA misuse
391 PEM_NAME_BAD_PREFIX pem
392 PEM_NAME_TOO_SHORT pem
394 DH_KEY_TOO_SMALL weak the Diffie-Hellman key is too short
396 VERSION_TOO_LOW version the TLS version is lower than is allowed
397 CA_KEY_TOO_SMALL weak the authority's key is too short for the security level
398 CA_MD_TOO_WEAK weak a certificate is signed with a hash that is too weak (SHA-1, MD5)
399 EE_KEY_TOO_SMALL weak the certificate's key is too short for the security level
400 COOKIE_GEN_CALLBACK_FAILURE other
401 FRAGMENTED_CLIENT_HELLO broken
402 INVALID_SEQUENCE_NUMBER broken
403 NO_VERIFY_COOKIE_CALLBACK other
404 LENGTH_TOO_LONG broken
405 FAILED_TO_INIT_ASYNC internal
406 PIPELINE_FAILURE internal
407 SHUTDOWN_WHILE_IN_INIT misuse the connection was closed in the middle of the handshake
408 SSL_SESSION_ID_TOO_LONG ticket
409 TOO_MANY_WARN_ALERTS broken
410 NO_SHARED_GROUPS suite the two have no group for the key exchange in common
443 BAD_RECORD_TYPE broken
999 INVALID_SESSION_ID ticket
"""

_PEM = """
100 BAD_BASE64_DECODE pem the text between the -----BEGIN and -----END lines is not base64
101 BAD_DECRYPT password the passphrase of the key is wrong
102 BAD_END_LINE pem the -----END line is missing or wrong
104 BAD_PASSWORD_READ password no passphrase could be read for an encrypted key
108 NO_START_LINE pem there is no -----BEGIN line of the kind that was wanted
109 PROBLEMS_GETTING_PASSWORD password no passphrase was given for an encrypted key
112 SHORT_HEADER pem a PEM header is cut off
113 UNSUPPORTED_CIPHER password the key is encrypted by an unknown cipher
114 UNSUPPORTED_ENCRYPTION password the key is encrypted in an unknown way
"""

_X509 = """
101 CERT_ALREADY_IN_HASH_TABLE ok the certificate was loaded twice
115 KEY_TYPE_MISMATCH key_mismatch certificate and key are of different kinds (RSA, EC)
116 KEY_VALUES_MISMATCH key_mismatch the private key is not that of the certificate
136 NO_CERTIFICATE_OR_CRL_FOUND pem the file holds no certificate
"""

_EVP = """
100 BAD_DECRYPT password what was encrypted cannot be opened: the passphrase is wrong
"""

_GENERAL_WORDS = 3
"""A reason of fewer words is known by its number or name alone: its words are everybody's."""


def _read(part: str, prefix: str, text: str) -> dict[tuple[str, int], Code]:
    codes = {}
    for line in rows(text):
        number, name, fault, *rest = line.split(None, 3)
        words = name.lower().replace("_", " ")
        texts = (words,) if len(words.split()) >= _GENERAL_WORDS else (f"routines::{words}",)
        meaning = rest[0] if rest else f"OpenSSL's own words: {words}"
        codes[part, int(number)] = make("openssl", prefix + name, int(number), fault, meaning, *texts)
    return codes


REASONS: dict[tuple[str, int], Code] = {
    **_read("SSL", "SSL_R_", _SSL),
    **_read("PEM", "PEM_R_", _PEM),
    **_read("X509", "X509_R_", _X509),
    **_read("EVP", "EVP_R_", _EVP),
}
"""Part of OpenSSL ("SSL", "PEM" ...) and number of the reason -> code."""
