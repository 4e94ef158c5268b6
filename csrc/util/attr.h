/* util/attr.h - compiler attributes behind names; empty where the compiler has none. */
#ifndef HJ_ATTR_H
#define HJ_ATTR_H

#if defined(__GNUC__) || defined(__clang__)
#define HJ_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define HJ_CHECK __attribute__((warn_unused_result))
#define HJ_FALL_THROUGH __attribute__((fallthrough))   /* a comment is enough for gcc only */
#else
#define HJ_PRINTF(fmt, args)
#define HJ_CHECK
#define HJ_FALL_THROUGH ((void)0)
#endif

#endif
