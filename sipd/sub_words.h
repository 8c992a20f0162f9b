/* SPDX-License-Identifier: ISC */
/* Subscriptions as the rest of sipd sees them: their life, and what featured says about topics. */
#ifndef WARDEN_SIPD_SUB_WORDS_H
#define WARDEN_SIPD_SUB_WORDS_H

#include "sipd/sipd.h"

/* Opens the checkpoint and takes up what is there. After stack_init(). Returns 0 or -errno. */
int subs_init(void);
void subs_close(void);
unsigned subs_count(void);
unsigned subs_topics(void);
/* In the reconciliation: names all topics. Returns how many. */
unsigned subs_sync(void);

/* The topic has this document from now on: everybody who watches it is sent it. */
void topic_state(const struct msg_topic_state *m);
void topic_end(const struct msg_topic_end *m);
void list_end_subs(const struct msg_list_end_subs *m);

#endif
