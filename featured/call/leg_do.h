/* SPDX-License-Identifier: ISC */
/* The actions that leg_fsm.def names. For leg.c alone. Each runs after the state has changed to the
 * row's last column. */
#ifndef WARDEN_FEATURED_CALL_LEG_DO_H
#define WARDEN_FEATURED_CALL_LEG_DO_H

#include "featured/call/leg.h"

typedef void leg_action(struct core *core, struct leg *leg, const struct leg_arg *arg);

leg_action do_nothing;
/* towards the caller */
leg_action do_offer_again, do_take_early, do_fail_early, do_send_taken, do_send_progress,
    do_send_early, do_want_answer, do_send_answer, do_send_refuse;
leg_action do_refuse_again;
/* towards a callee */
leg_action do_send_dial, do_make_again, do_ring, do_take_answer, do_answer_again, do_send_settled,
    do_settle_again;
leg_action do_give_up;
/* while it is up */
leg_action do_take_acked, do_take_sdp, do_take_reoffer, do_refuse_reoffer, do_fail_reoffer,
    do_refresh, do_take_reinvited;
leg_action do_tell_failed;
/* the end */
leg_action do_send_hangup, do_hangup_again, do_forget, do_forget_again, do_drop;

#endif
