/* As much of the Arduino cores for ESP32 and ESP8266 and of PubSubClient as our sketches touch, with their types. A
 * sketch is compiled with it and run for a moment; what it passes on is printed, so that a test can look at it. */
#pragma once

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>

#define PROGMEM
#define WL_CONNECTED 3

inline void delay(unsigned long) {}
inline unsigned long millis() { return 61000; }
inline void configTime(long, int, const char *server) { std::printf("clock: %s\n", server); }

class String {
 public:
  explicit String(unsigned long number) : text(std::to_string(number)) {}
  const char *c_str() const { return text.c_str(); }

 private:
  std::string text;
};

struct SerialPort {
  void begin(unsigned long) {}
  void println(const char *text) { std::printf("serial: %s\n", text); }
  void printf(const char *format, ...) __attribute__((format(printf, 2, 3))) {
    std::va_list more;
    va_start(more, format);
    std::vprintf(format, more);
    va_end(more);
  }
};
inline SerialPort Serial;

struct WiFiStation {
  void begin(const char *, const char *) {}
  int status() { return WL_CONNECTED; }
};
inline WiFiStation WiFi;

class Client {};

#ifdef ESP8266
enum { BR_KEYTYPE_RSA = 1, BR_KEYTYPE_EC = 2, BR_KEYTYPE_SIGN = 0x20 };

namespace BearSSL {
struct X509List {
  explicit X509List(const char *pem) : pem(pem) {}
  const char *pem;
};
struct PrivateKey {
  explicit PrivateKey(const char *pem) : pem(pem) {}
  const char *pem;
};
class WiFiClientSecure : public Client {
 public:
  void setTrustAnchors(const X509List *roots) { std::printf("root:\n%s", roots->pem); }
  void setClientECCert(const X509List *certificate, const PrivateKey *key, unsigned usages, unsigned issuer) {
    std::printf("certificate for %#x by %u:\n%skey:\n%s", usages, issuer, certificate->pem, key->pem);
  }
  void setBufferSizes(int in, int out) { std::printf("buffers: %d %d\n", in, out); }
  int getMFLNStatus() { return 1; }
  int getLastSSLError(char *, size_t) { return 0; }
};
}  // namespace BearSSL
#else
class WiFiClientSecure : public Client {
 public:
  void setCACert(const char *pem) { std::printf("root:\n%s", pem); }
  void setCertificate(const char *pem) { std::printf("certificate:\n%s", pem); }
  void setPrivateKey(const char *pem) { std::printf("key:\n%s", pem); }
  int lastError(char *, const size_t) { return 0; }
};
#endif

class PubSubClient {
 public:
  explicit PubSubClient(Client &) {}
  PubSubClient &setServer(const char *host, uint16_t port) {
    std::printf("server: %s %u\n", host, port);
    return *this;
  }
  bool connected() { return is_connected; }
  bool connect(const char *id) {
    std::printf("client: %s\n", id);
    return is_connected = true;
  }
  bool publish(const char *topic, const char *message) {
    std::printf("publish: %s %s\n", topic, message);
    return true;
  }
  bool loop() { return true; }
  int state() { return 0; }

 private:
  bool is_connected = false;
};

void setup();
void loop();
int main() {
  setup();
  loop();
}
