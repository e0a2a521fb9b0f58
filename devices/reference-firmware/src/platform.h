/* Joins lwIP and Mbed TLS to the board. */
#ifndef PLATFORM_H
#define PLATFORM_H

/* Clock and printing for Mbed TLS; before anything of it is used. */
void platform_init(void);

#endif /* PLATFORM_H */
