/* One line on the serial console for each thing that a person would want to know. */
#ifndef LOG_H
#define LOG_H

/* printf without a newline; at most 200 characters. */
void log_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A whole line. */
#define log_line(...) do { log_text(__VA_ARGS__); log_text("\n"); } while (0)

/* What can't be mended: says it, and halts. */
void fail_for_good(const char *words) __attribute__((noreturn));

#endif /* LOG_H */
