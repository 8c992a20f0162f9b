/* SPDX-License-Identifier: ISC */
/*
 * The codec table: what mediad can name in SDP, in the order in which it prefers them. Read by
 * negotiation and by the RTP side. A new codec is a row here and a value of enum sdp_codec; nothing
 * else in the SDP code knows one by name.
 */
#include "mediad/sdp.h"

static const struct sdp_codec_row rows[] = {
	{ SDP_CODEC_PCMU, "PCMU", 8000, 1, 0, true, "" },
	{ SDP_CODEC_PCMA, "PCMA", 8000, 1, 8, true, "" },
};

const struct sdp_codec_row *
sdp_codec_rows(size_t *n)
{
	*n = sizeof(rows) / sizeof(rows[0]);
	return rows;
}

const struct sdp_codec_row *
sdp_codec_row(enum sdp_codec codec)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].codec == codec)
			return &rows[i];
	return NULL;
}

const char *
sdp_codec_name(enum sdp_codec codec)
{
	const struct sdp_codec_row *row = sdp_codec_row(codec);

	return row != NULL ? row->name : "";
}
