/* util/banned.h - included last by every .c of ours: calls that have bitten everybody become compile errors.
 * (Raw malloc and free are left to the lint: a macro would also catch ops->free().) */
#ifndef HJ_BANNED_H
#define HJ_BANNED_H

#define HJ_BANNED(name) hj_banned_##name##_see_util_banned_h
#undef strcpy
#define strcpy(a, b) HJ_BANNED(strcpy)
#undef strcat
#define strcat(a, b) HJ_BANNED(strcat)
#undef strncpy
#define strncpy(a, b, n) HJ_BANNED(strncpy)
#undef strncat
#define strncat(a, b, n) HJ_BANNED(strncat)
#undef sprintf
#define sprintf(...) HJ_BANNED(sprintf)
#undef vsprintf
#define vsprintf(a, b, c) HJ_BANNED(vsprintf)
#undef strtok
#define strtok(a, b) HJ_BANNED(strtok)
#undef atoi
#define atoi(a) HJ_BANNED(atoi)
#undef atol
#define atol(a) HJ_BANNED(atol)
#undef gets
#define gets(a) HJ_BANNED(gets)
#undef alloca
#define alloca(a) HJ_BANNED(alloca)

#endif
