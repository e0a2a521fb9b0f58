"""The line of code, or the command, that mends a fault in one library: `LINES[fault][library]`.

Rule 1: a line turns a check on or feeds it; none turns one off.
"""

from __future__ import annotations

LINES: dict[str, dict[str, str]] = {
    "untrusted": {
        "mbedtls": "mbedtls_x509_crt_parse(&root, root_pem, sizeof root_pem); "
        "mbedtls_ssl_conf_ca_chain(&conf, &root, NULL);",
        "wolfssl": "wolfSSL_CTX_load_verify_buffer(ctx, root_pem, sizeof root_pem - 1, WOLFSSL_FILETYPE_PEM);",
        "openssl": 'SSL_CTX_load_verify_locations(ctx, "root.pem", NULL);',
        "bearssl": "client.setTrustAnchors(new BearSSL::X509List(root_pem));",
        "esp-idf": ".broker.verification.certificate = (const char *)root_pem,",
        "lwip": "altcp_tls_create_config_client_2wayauth(root, root_len, key, key_len, NULL, 0, cert, cert_len);",
        "pubsubclient": "wifiClientSecure.setCACert(root_pem);",
        "mosquitto": "mosquitto_pub --cafile root.pem ...",
        "paho": 'client.tls_set(ca_certs="root.pem", certfile="device.pem", keyfile="device.key")',
        "python": 'ssl.create_default_context(cafile="root.pem")',
        "micropython": "ctx.verify_mode = ssl.CERT_REQUIRED; ctx.load_verify_locations(cadata=root_der)",
        "node": "mqtt.connect(url, { ca: fs.readFileSync('root.pem') })",
        "java": "keytool -importcert -file root.pem -keystore trust.p12 -alias broker",
        "go": "pool.AppendCertsFromPEM(rootPEM); &tls.Config{RootCAs: pool}",
        "rust": 'root_store.add(CertificateDer::from_pem_file("root.pem")?)?;',
        "curl": "curl --cacert root.pem ...",
    },
    "check": {
        "mbedtls": 'printf("flags 0x%x", mbedtls_ssl_get_verify_result(&ssl));  // then: sealmq explain flags 0x...',
        "openssl": "SSL_get_verify_result(ssl);  // then: sealmq explain verify error NUMBER",
        "curl": "curl --cacert root.pem ...",
    },
    "name": {
        "mbedtls": 'mbedtls_ssl_set_hostname(&ssl, "broker.example");',
        "wolfssl": 'wolfSSL_check_domain_name(ssl, "broker.example");',
        "openssl": 'SSL_set1_host(ssl, "broker.example"); SSL_set_tlsext_host_name(ssl, "broker.example");',
        "bearssl": 'client.connect("broker.example", 8883);',
        "esp-idf": '.broker.verification.common_name = "broker.example",',
        "mosquitto": "mosquitto_pub -h broker.example ...",
        "paho": 'client.connect("broker.example", 8883)',
        "python": 'context.wrap_socket(sock, server_hostname="broker.example")',
        "micropython": 'ctx.wrap_socket(sock, server_hostname="broker.example")',
        "node": "mqtt.connect('mqtts://broker.example:8883', { servername: 'broker.example' })",
        "go": '&tls.Config{RootCAs: pool, ServerName: "broker.example"}',
    },
    "no_host_name": {
        "mbedtls": 'mbedtls_ssl_set_hostname(&ssl, "broker.example");',
        "lwip": 'mbedtls_ssl_set_hostname(altcp_tls_context(client->conn), "broker.example");',
    },
    "clock": {
        "mbedtls": "set the time that mbedtls_time() gives, before mbedtls_ssl_handshake()",
        "wolfssl": "wc_SetTimeCb(current_time);",
        "bearssl": 'configTime(0, 0, "pool.ntp.org"); while (time(nullptr) < 1700000000) delay(100);',
        "esp-idf": "esp_netif_sntp_init(&config); esp_netif_sntp_sync_wait(pdMS_TO_TICKS(10000));",
        "micropython": "import ntptime; ntptime.settime()",
    },
    "no_certificate": {
        "mbedtls": "mbedtls_ssl_conf_own_cert(&conf, &device_cert, &device_key);",
        "wolfssl": "wolfSSL_CTX_use_certificate_chain_buffer(ctx, cert, len); wolfSSL_CTX_use_PrivateKey_buffer(...);",
        "openssl": 'SSL_CTX_use_certificate_chain_file(ctx, "device.pem"); SSL_CTX_use_PrivateKey_file(...);',
        "bearssl": "client.setClientECCert(new BearSSL::X509List(device_pem), new BearSSL::PrivateKey(device_key), "
        "BR_KEYTYPE_SIGN, BR_KEYTYPE_EC);",
        "esp-idf": ".credentials.authentication = { .certificate = device_pem, .key = device_key },",
        "tls": "mosquitto_pub --cert device.pem --key device.key ...",
        "pubsubclient": "wifiClientSecure.setCertificate(device_pem); wifiClientSecure.setPrivateKey(device_key);",
        "mosquitto": "mosquitto_pub --cert device.pem --key device.key ...",
        "paho": 'client.tls_set(ca_certs="root.pem", certfile="device.pem", keyfile="device.key")',
        "python": 'context.load_cert_chain("device.pem", "device.key")',
        "node": "mqtt.connect(url, { ca, cert: fs.readFileSync('device.pem'), key: fs.readFileSync('device.key') })",
        "go": 'cert, err := tls.LoadX509KeyPair("device.pem", "device.key")',
    },
    "alert_heard": {
        "mbedtls": "mbedtls_ssl_conf_dbg(&conf, my_debug, NULL); mbedtls_debug_set_threshold(2);",
        "wolfssl": 'wolfSSL_ALERT_HISTORY h; wolfSSL_get_alert_history(ssl, &h); printf("%d", h.last_rx.code);',
        "esp-idf": "CONFIG_MBEDTLS_DEBUG=y, CONFIG_MBEDTLS_DEBUG_LEVEL=2; "
        'esp_log_level_set("mbedtls", ESP_LOG_VERBOSE);',
    },
    "large": {
        "mbedtls": "#define MBEDTLS_SSL_IN_CONTENT_LEN 16384",
        "wolfssl": "wolfSSL_CTX_UseMaxFragment(ctx, WOLFSSL_MFL_2_12);",
        "bearssl": "client.setBufferSizes(16384, 512);",
        "esp-idf": "CONFIG_MBEDTLS_SSL_IN_CONTENT_LEN=16384",
    },
    "memory": {
        "mbedtls": "#define MBEDTLS_SSL_IN_CONTENT_LEN 4096, if the broker sends small records",
        "wolfssl": "#define WOLFSSL_SMALL_STACK and a larger heap; wolfSSL_free(ssl) after each failure",
        "bearssl": "client.setBufferSizes(1024, 512), where the broker answers max_fragment_length",
        "esp-idf": "CONFIG_MBEDTLS_DYNAMIC_BUFFER=y; heap_caps_get_largest_free_block(MALLOC_CAP_8BIT)",
        "lwip": "#define MEM_SIZE (48 * 1024)",
    },
    "suite": {
        "mbedtls": "#define MBEDTLS_KEY_EXCHANGE_ECDHE_ECDSA_ENABLED, MBEDTLS_GCM_C, MBEDTLS_ECP_DP_SECP256R1_ENABLED",
        "wolfssl": "#define HAVE_ECC, HAVE_AESGCM, HAVE_SUPPORTED_CURVES",
        "openssl": 'SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20");',
        "esp-idf": "CONFIG_MBEDTLS_KEY_EXCHANGE_ECDHE_ECDSA=y, CONFIG_MBEDTLS_GCM_C=y",
    },
    "version": {
        "mbedtls": "mbedtls_ssl_conf_min_tls_version(&conf, MBEDTLS_SSL_VERSION_TLS1_2);",
        "wolfssl": "wolfSSL_CTX_new(wolfTLS_client_method());",
        "openssl": "SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);",
        "python": "context.minimum_version = ssl.TLSVersion.TLSv1_2",
        "esp-idf": "CONFIG_MBEDTLS_SSL_PROTO_TLS1_2=y",
    },
    "random": {
        "mbedtls": "mbedtls_ctr_drbg_seed(&drbg, mbedtls_entropy_func, &entropy, NULL, 0);",
        "wolfssl": "#define CUSTOM_RAND_GENERATE_SEED my_seed",
    },
    "pem": {
        "mbedtls": "mbedtls_x509_crt_parse(&root, root_pem, sizeof root_pem);  // sizeof counts the closing NUL",
        "wolfssl": "wolfSSL_CTX_load_verify_buffer(ctx, root, len, WOLFSSL_FILETYPE_PEM);  // or WOLFSSL_FILETYPE_ASN1",
        "openssl": "openssl x509 -in FILE -noout -text",
        "esp-idf": 'target_add_binary_data(${COMPONENT_TARGET} "root.pem" TEXT)  # TEXT adds the closing NUL',
    },
    "connect_failed": {
        "pubsubclient": "char why[100]; wifiClientSecure.lastError(why, sizeof why);  // ESP8266: "
        "getLastSSLError(why, 100)",
        "mosquitto": "mosquitto_pub -d ...",
        "arduino-mqtt": "char why[100]; wifiClientSecure.lastError(why, sizeof why);",
        "esp-idf": "event->error_handle->esp_tls_stack_err and esp_transport_sock_errno hold the reason",
    },
    "misuse": {"wolfssl": "wolfSSL_Init(); before anything else", "mbedtls": "psa_crypto_init(); before TLS 1.3"},
    "mqtt_large": {"pubsubclient": "client.setBufferSize(1024);"},
    "no_connack": {"pubsubclient": "client.setSocketTimeout(30);"},
    "closed": {"esp-idf": ".session.keepalive = 30,"},
    "silent": {"esp-idf": ".network.timeout_ms = 20000,"},
}
"""Fault -> library -> line. Libraries of one family that have no line of their own take none."""
