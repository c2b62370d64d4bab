// SPDX-License-Identifier: BSD-3-Clause
/* Makes a blobstore with blobs that have no extent table (RLE extents in the
 * blob's own metadata), which neither the lvol layer nor blobcli makes any more.
 *   rle CONFIG.json clean|kill     (content of blocks: see content.py)
 * "kill" ends the process without unloading the blobstore. */
#include "spdk/stdinc.h"
#include "spdk/bdev.h"
#include "spdk/env.h"
#include "spdk/event.h"
#include "spdk/blob_bdev.h"
#include "spdk/blob.h"

enum { THICK, THIN, SNAP, CLONE, FRAG, ET, DEL, N };
static const char *name[N] = { "rle-thick", "rle-thin", "rle-snap", "rle-clone", "rle-frag", "et-thin", "rle-del" };
static struct spdk_blob_store *bs;
static struct spdk_blob *blob[N];
static spdk_blob_id id[N];
static struct spdk_io_channel *ch;
static char *buf;
static int step, cur, kill_it;
static void next(void);

static void fail(const char *w, int rc) { fprintf(stderr, "step %d: %s: %d\n", step, w, rc); _exit(1); }
static void done(void *a, int rc) { if (rc) { fail("done", rc); } next(); }
static void opened(void *a, struct spdk_blob *b, int rc) { if (rc) { fail("open", rc); } blob[cur] = b; next(); }
static void created(void *a, spdk_blob_id i, int rc)
{
	if (rc) { fail("create", rc); }
	id[cur] = i;
	printf("%s 0x%" PRIx64 "\n", name[cur], i);
	spdk_bs_open_blob(bs, i, opened, NULL);
}
static void inited(void *a, struct spdk_blob_store *b, int rc)
{
	if (rc) { fail("init", rc); }
	bs = b;
	ch = spdk_bs_alloc_io_channel(bs);
	next();
}
static void get_xattr(void *arg, const char *n, const void **v, size_t *len) { *v = name[(intptr_t)arg]; *len = strlen(*v) + 1; }

static void create(int which, uint64_t clusters, bool thin, bool et)
{
	static char *names[] = { "name" };
	struct spdk_blob_opts o;
	cur = which;
	spdk_blob_opts_init(&o, sizeof(o));
	o.num_clusters = clusters;
	o.thin_provision = thin;
	o.use_extent_table = et;
	o.xattrs.names = names;
	o.xattrs.count = 1;
	o.xattrs.ctx = (void *)(intptr_t)which;
	o.xattrs.get_value = get_xattr;
	spdk_bs_create_blob_ext(bs, &o, created, NULL);
}
static void put(int which, const char *text, uint64_t first, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		char line[64];
		int n = snprintf(line, sizeof(line), "%s %" PRIu64 "\n", text, first + i);
		for (int j = 0; j < 512; j++) { buf[i * 512 + j] = line[j % n]; }
	}
	spdk_blob_io_write(blob[which], ch, buf, first, count, done, NULL);
}
static void closed(void *a, int rc)
{
	if (rc) { fail("close", rc); }
	blob[cur] = NULL;
	next();
}
static void unloaded(void *a, int rc) { spdk_app_stop(rc); }

static int frag;
static void next(void)
{
	char big[1500];
	struct spdk_blob_xattr_opts xo = { sizeof(xo) };
	static char *names[] = { "name" };

again:
	switch (step++) {
	case 0: create(THICK, 8, false, false); return;
	case 1: put(THICK, "rle-thick g1", 0, 100); return;
	case 2:
		for (int i = 0; i < 4; i++) { /* metadata of several pages */
			char n[8];
			snprintf(n, sizeof(n), "big%d", i);
			memset(big, 'a' + i, sizeof(big));
			spdk_blob_set_xattr(blob[THICK], n, big, sizeof(big));
		}
		spdk_blob_sync_md(blob[THICK], done, NULL);
		return;
	case 3: create(THIN, 64, true, false); return;
	case 4: put(THIN, "rle-thin g1", 0, 40); return;
	case 5: put(THIN, "rle-thin g1", 1000, 30); return;
	case 6: create(DEL, 4, false, false); return;
	case 7:
		cur = SNAP;
		xo.names = names; xo.count = 1; xo.ctx = (void *)(intptr_t)SNAP; xo.get_value = get_xattr;
		spdk_bs_create_snapshot(bs, id[THIN], &xo, created, NULL);
		return;
	case 8: put(THIN, "rle-thin g2", 20, 8); return;
	case 9:
		cur = CLONE;
		xo.names = names; xo.count = 1; xo.ctx = (void *)(intptr_t)CLONE; xo.get_value = get_xattr;
		spdk_bs_create_clone(bs, id[SNAP], &xo, created, NULL);
		return;
	case 10: put(CLONE, "rle-clone g1", 1010, 4); return;
	case 11: create(FRAG, 2000, true, false); return;
	case 12: /* every other cluster of the first 700, from the end to the start */
		if (frag < 350) {
			frag++;
			step--;
			put(FRAG, "rle-frag g1", (uint64_t)(700 - 2 * frag) * 32, 1);
			return;
		}
		goto again;
	case 13: create(ET, 600, true, true); return;
	case 14: put(ET, "et-thin g1", 512 * 32 - 4, 8); return;
	case 15: cur = DEL; spdk_blob_close(blob[DEL], closed, NULL); return;
	case 16: spdk_bs_delete_blob(bs, id[DEL], done, NULL); return;
	case 17: spdk_blob_set_read_only(blob[CLONE]); spdk_blob_sync_md(blob[CLONE], done, NULL); return;
	case 18: spdk_blob_resize(blob[THICK], 6, done, NULL); return;
	case 19: spdk_blob_sync_md(blob[THICK], done, NULL); return;
	case 20: spdk_bs_set_super(bs, id[THICK], done, NULL); return;
	case 21:
		if (kill_it) { fflush(stdout); kill(getpid(), SIGKILL); }
		cur = 0; goto again;
	case 22:
		while (cur < N && !blob[cur]) { cur++; }
		if (cur < N) { step--; spdk_blob_close(blob[cur], closed, NULL); return; }
		goto again;
	default:
		spdk_bs_free_io_channel(ch);
		spdk_free(buf);
		spdk_bs_unload(bs, unloaded, NULL);
	}
}
static void event(enum spdk_bdev_event_type t, struct spdk_bdev *b, void *c) { }
static void start(void *arg)
{
	struct spdk_bs_dev *dev;
	struct spdk_bs_opts o;
	int rc = spdk_bdev_create_bs_dev_ext("aio0", event, NULL, &dev);

	if (rc) { fail("bdev", rc); }
	buf = spdk_zmalloc(1 << 20, 4096, NULL, SPDK_ENV_NUMA_ID_ANY, SPDK_MALLOC_DMA);
	spdk_bs_opts_init(&o, sizeof(o));
	o.cluster_sz = 16384;
	o.num_md_pages = 256;
	snprintf(o.bstype.bstype, sizeof(o.bstype.bstype), "RLETEST");
	spdk_bs_init(dev, &o, inited, NULL);
}
int main(int argc, char **argv)
{
	struct spdk_app_opts o;
	spdk_app_opts_init(&o, sizeof(o));
	o.name = "rle";
	o.json_config_file = argv[1];
	o.rpc_addr = NULL;
	o.no_huge = true;
	o.mem_size = 1024;
	o.disable_cpumask_locks = true;
	kill_it = argc > 2 && !strcmp(argv[2], "kill");
	int rc = spdk_app_start(&o, start, NULL);
	spdk_app_fini();
	return rc;
}
