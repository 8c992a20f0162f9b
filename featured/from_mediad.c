/* SPDX-License-Identifier: ISC */
/* Messages of mediad: figures to the gauges, everything about sessions to the call core. */
#include "common/base/log.h"
#include "featured/featured.h"

void
from_mediad(struct featured *f, const struct ipc_msg *msg)
{
	if (msg->type == MSG_gauge)
		gauge_told(f->gauges, IPC_MEDIAD, msg->body);
	else if (!core_mediad(f->core, msg->type, msg->body))
		log_warning("mediad said what nobody here understands", kv_u("type", msg->type));
}
