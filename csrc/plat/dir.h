/* plat/dir.h - folders. */
#ifndef HJ_PLAT_DIR_H
#define HJ_PLAT_DIR_H

#include "plat/file.h"

int hj_dir_make(const char *path, struct hj_err *e);        /* one level, 0777 less umask; HJ_E_EXISTS if anything is there */
int hj_dir_make_all(const char *path, struct hj_err *e);    /* with parents; success if it is there; a file in the way: HJ_E_EXISTS */
int hj_dir_make_parents(const char *path, struct hj_err *e);/* of the last component */
int hj_dir_remove(const char *path, struct hj_err *e);      /* an empty one */
int hj_dir_remove_tree(const char *path, struct hj_err *e); /* never follows links; tolerates what vanishes meanwhile; depth <= 64;
                                                             * nothing there: success; a file or link by that name: HJ_E_DENIED */
int hj_dir_sync(const char *path, struct hj_err *e);        /* names in it survive a power cut; file systems that cannot: success */
/* Calls see(user, name, e) for each entry but . and .. in no order; stops at its first non-zero answer and returns it. */
int hj_dir_list(const char *path, int (*see)(void *user, const char *name, struct hj_err *e), void *user, struct hj_err *e);

/* An open folder: names below it are looked at without walking its path again (a quarter cheaper for a snapshot of 200 files). */
struct hj_dir { int fd; };
#define HJ_DIR_INIT { -1 }
int hj_dir_open(struct hj_dir *d, const char *path, struct hj_err *e);
void hj_dir_close(struct hj_dir *d);                                          /* takes a closed one */
int hj_dir_stat(struct hj_dir *d, const char *path, struct hj_stat *out, struct hj_err *e);   /* relative; follows links; as hj_path_stat */

#endif
