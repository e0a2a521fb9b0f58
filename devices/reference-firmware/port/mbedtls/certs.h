/* Mbed TLS 2 had its test certificates here, and lwIP's TLS layer includes it; nothing of it is used. */
