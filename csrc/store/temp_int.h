/* store/temp_int.h - a private file, and how it gets its public name. Private to store/.
 *
 * Use      hj_temp_open(&f, dir, prefix, mode, &path, e); write, sync; hj_temp_publish(path, final, ...); hj_mem_free(path)
 * Owns     *path is the caller's. hj_temp_discard removes what did not get published.
 */
#ifndef HJ_TEMP_INT_H
#define HJ_TEMP_INT_H

#include "plat/plat.h"

/* A new file <dir>/<prefix><owner name>, open for writing; dir is made if absent. mode: the umask is taken off by the OS. */
int hj_temp_open(hj_file *f, const char *dir, const char *prefix, unsigned mode, char **path, struct hj_err *e);
void hj_temp_discard(hj_file *f, char *path);       /* closes, removes, frees; path may be NULL */

/* Renames; makes the parents of `to` if they are absent. replace == false: HJ_E_EXISTS if the name is taken. sync: the name
 * (and new parents' names) survive a power cut. *named (may be NULL): the rename happened, also when the sync after it failed. */
int hj_temp_publish(const char *from, const char *to, bool replace, bool sync, bool *named, struct hj_err *e);

/* The same without the last step: the folder of `to` is the caller's to sync. */
int hj_temp_rename(const char *from, const char *to, bool replace, bool sync, bool *named, struct hj_err *e);

/* A file that somebody else published, whom we take at his word: its data and its name survive a power cut from here on. */
int hj_temp_confirm(const char *path, struct hj_err *e);
int hj_temp_sync_data(const char *path, struct hj_err *e);            /* the data alone; one that is not ours to read is its owner's to sync */
int hj_temp_parents(const char *path, bool sync, struct hj_err *e);   /* of the last component; sync: their names too */
char *hj_dir_of(const char *path, struct hj_err *e);     /* without the last component; the caller frees */
/* Where it happened, if the message names no path: what is done to an open file knows none. */
void hj_err_place(struct hj_err *e, const char *path);
void hj_err_pass(struct hj_err *e, const struct hj_err *cause);   /* *e = *cause unless *e has a cause already */

#endif
