/* Zephyr 4.2, or 3.7 when ZEPHYR_OLD says so. */
#define ZEPHYR_VERSION(major, minor, patch) (((major) << 16) + ((minor) << 8) + (patch))
#ifdef ZEPHYR_OLD
#define ZEPHYR_VERSION_CODE ZEPHYR_VERSION(3, 7, 0)
#else
#define ZEPHYR_VERSION_CODE ZEPHYR_VERSION(4, 2, 0)
#endif
