/* SPDX-License-Identifier: ISC */
/* The words of cdr.h, as they stand in the spool, in PostgreSQL and in the API. On their own,
 * because the spool needs no more of the call core. */
#include "featured/call/cdr.h"

const char *
cdr_disposition_name(enum cdr_disposition d)
{
	switch (d) {
	case CDR_ANSWERED:
		return "answered";
	case CDR_NO_ANSWER:
		return "no_answer";
	case CDR_BUSY:
		return "busy";
	case CDR_FAILED:
		return "failed";
	case CDR_CANCELLED:
		return "cancelled";
	}
	return "failed";
}

const char *
cdr_side_name(enum cdr_side side)
{
	switch (side) {
	case CDR_SIDE_NONE:
		return "";
	case CDR_SIDE_CALLER:
		return "caller";
	case CDR_SIDE_CALLEE:
		return "callee";
	case CDR_SIDE_SYSTEM:
		return "system";
	}
	return "";
}

const char *
recording_state_name(enum recording_state state)
{
	switch (state) {
	case RECORDING_RUNNING:
		return "recording";
	case RECORDING_DONE:
		return "done";
	case RECORDING_FAILED:
		return "failed";
	case RECORDING_DELETED:
		return "deleted";
	}
	return "";
}
