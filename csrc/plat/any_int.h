/* plat/any_int.h - what the files of this folder share on every system. */
#ifndef HJ_ANY_INT_H
#define HJ_ANY_INT_H

/* Most bytes for one read or write: Linux moves at most 0x7ffff000 at once, macOS refuses 2 GiB, Windows counts in 32 bits. */
#define HJ_IO_MOST (1u << 30)

/* The end of a path that fits into a message; `*dots` is "..." if something is missing in front, else "". */
const char *hj_path_tail(const char *path, const char **dots);

#endif
