/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter of an interface is the kernel's work. It refuses some programs: those of over 4,096
 * instructions, of offsets that it does not know, of more memory than net.core.optmem_max. libpcap
 * then applies them itself, and does not tell how many packets it left out, so that no count fits
 * the kernel's any more. So we apply them instead: the kernel hands over everything, whole, as it
 * also looks at whole packets; what matches is cut here.
 */
#include "capture/pcap_handle.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "capture/fanout.h"
#include "capture/kernel_filter.h"
#include "capture/netdev.h"
#include "capture/time_stamps.h"
#include "packet/filter.h"
#include "packet/packet.h"

static int failed(char *why, size_t size, const char *name, int err, const char *text)
{
	/* The socket is there by then: what is missing is for the adapter's clock. */
	if (err == PCAP_ERROR_PERM_DENIED && strstr(text, "CAP_NET_ADMIN")) {
		snprintf(why, size, "%s: time-stamp-type: no permission; CAP_NET_ADMIN is needed",
			 name);
		return CAPTURE_E_PERMISSION;
	}
	switch (err) {
	case PCAP_ERROR_NO_SUCH_DEVICE:
		snprintf(why, size, "%s: no such interface; 'pycapa -D' lists those there are",
			 name);
		return CAPTURE_E_MISSING;
	case PCAP_ERROR_IFACE_NOT_UP:
		snprintf(why, size, "%s: the interface is down; 'ip link set %s up' starts it",
			 name, name);
		return CAPTURE_E_DOWN;
	case PCAP_ERROR_PERM_DENIED:
	case PCAP_ERROR_PROMISC_PERM_DENIED:
		snprintf(why, size,
			 "%s: no permission to capture; run as root or with CAP_NET_RAW "
			 "(setcap cap_net_raw+ep on the binary)",
			 name);
		return CAPTURE_E_PERMISSION;
	default:
		snprintf(why, size, "%s: %s", name, *text ? text : pcap_statustostr(err));
		return CAPTURE_E_OTHER;
	}
}

static int failed_here(const struct pcap_handle *d, char *why, size_t size, const char *text)
{
	return failed(why, size, d->name, PCAP_ERROR, text);
}

/* Of one of libpcap's own devices only libpcap can tell the direction; of few it does. */
static int set_direction(const struct pcap_handle *d, char *why, size_t size)
{
	static const pcap_direction_t directions[] = {
		[CONFIG_DIRECTION_INOUT] = PCAP_D_INOUT,
		[CONFIG_DIRECTION_IN] = PCAP_D_IN,
		[CONFIG_DIRECTION_OUT] = PCAP_D_OUT,
	};

	if (d->direction == CONFIG_DIRECTION_INOUT ||
	    pcap_setdirection(d->pcap, directions[d->direction]) == 0)
		return 0;
	return failed_here(d, why, size,
			   "libpcap cannot tell which way its packets go; direction can be inout");
}

static int activate(struct pcap_handle *d, const char *kernel_name, const struct capture_options *o,
		    char *why, size_t size)
{
	char errbuf[PCAP_ERRBUF_SIZE] = "";
	bool stamps;
	int r;

	d->pcap = pcap_create(kernel_name, errbuf);
	if (!d->pcap)
		return failed_here(d, why, size, errbuf);
	pcap_set_snaplen(d->pcap, (int)o->snaplen);
	pcap_set_promisc(d->pcap, o->promiscuous && !d->any);
	pcap_set_timeout(d->pcap, (int)o->buffer_timeout_ms);
	pcap_set_buffer_size(d->pcap, (int)o->buffer_size);
	pcap_set_immediate_mode(d->pcap, o->immediate);
	stamps = time_stamps_set(d->pcap, o->precision, o->time_stamp_type);
	r = pcap_activate(d->pcap);
	if (r < 0)
		return failed(why, size, d->name, r, pcap_geterr(d->pcap));
	if (!stamps || r == PCAP_WARNING_TSTAMP_TYPE_NOTSUP) {
		time_stamps_explain(d->pcap, d->name, o->precision, o->time_stamp_type, why, size);
		return CAPTURE_E_OTHER;
	}
	if (r > 0)
		log_warn("%s: %s %s", d->name, pcap_statustostr(r), pcap_geterr(d->pcap));
	if (pcap_setnonblock(d->pcap, 1, errbuf) < 0)
		return failed_here(d, why, size, errbuf);
	if (pcap_get_selectable_fd(d->pcap) < 0)
		return failed_here(d, why, size,
				   "libpcap cannot tell when this device has packets; pycapa does "
				   "not capture from it");
	/* Or a kinit that librdkafka starts would inherit it. */
	if (fcntl(pcap_get_selectable_fd(d->pcap), F_SETFD, FD_CLOEXEC) < 0)
		return failed_here(d, why, size, strerror(errno));
	return 0;
}

static bool is_packet_socket(pcap_t *pcap)
{
	struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
	socklen_t size = sizeof(address);

	return getsockname(pcap_fileno(pcap), (struct sockaddr *)&address, &size) == 0 &&
	       address.ss_family == AF_PACKET;
}

/*
 * The kernel stamps a received packet once, on its way in, only while some socket wants that; else
 * each capture of the interface stamps it anew, microseconds apart (measured: 28 % differ). One
 * stamp for all is what a hand-over between two handles is cut by.
 */
static void share_stamps(const struct pcap_handle *d)
{
	int one = 1;

	if (setsockopt(pcap_fileno(d->pcap), SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one)) < 0)
		log_debug("%s: SO_TIMESTAMPNS: %s", d->name, strerror(errno));
}

static int failed_in_group(const struct pcap_handle *d, char *why, size_t size, const char *text)
{
	snprintf(why, size, "%s: fanout %u: %s", d->name, d->fanout - 1, text);
	return CAPTURE_E_OTHER;
}

/* Said now, as one that stands by joins only when there is no way back. */
static int check_group(const struct pcap_handle *d, char *why, size_t size)
{
	char text[160];

	if (!d->fanout ||
	    fanout_check(d->index, (uint16_t)(d->fanout - 1), text, sizeof(text)) == 0)
		return 0;
	return failed_in_group(d, why, size, text);
}

static int join_group(const struct pcap_handle *d, char *why, size_t size)
{
	char text[160];

	if (!d->fanout || fanout_join(pcap_fileno(d->pcap), (uint16_t)(d->fanout - 1), d->loopback,
				      text, sizeof(text)) == 0)
		return 0;
	return failed_in_group(d, why, size, text);
}

static int prepare_socket(struct pcap_handle *d, char *why, size_t size)
{
	int fd = pcap_fileno(d->pcap), one = 1, r;
	struct netdev dev;

	share_stamps(d);
	r = kernel_filter_reject_all(fd);
	if (r < 0)
		return failed_here(d, why, size, strerror(-r));
	netdev_find(d->name, &dev);
	if ((dev.flags & IFF_LOOPBACK) && d->direction == CONFIG_DIRECTION_OUT)
		return failed_here(
			d, why, size,
			"on a loopback interface every packet comes in; direction can be "
			"in or inout");
	d->loopback = (dev.flags & IFF_LOOPBACK) != 0;
	if (d->loopback)
		setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	/* Which a group knows only by a flag of newer kernels. */
	if (d->loopback && d->fanout)
		d->direction = CONFIG_DIRECTION_IN;
	d->index = netdev_bound_index(fd);
	d->hardware_type = dev.hardware_type;
	return check_group(d, why, size);
}

static int open_once(struct pcap_handle *d, const struct capture_options *opt, char *why,
		     size_t size)
{
	struct netdev dev;
	int r;

	/* libpcap looks for some things by a name that only the kernel's own is. */
	r = activate(d, netdev_find(d->name, &dev) ? dev.name : d->name, opt, why, size);
	if (r != 0)
		return r;
	d->packet_socket = is_packet_socket(d->pcap);
	/* It says of each packet by which interface it came. */
	if (d->any && pcap_set_datalink(d->pcap, DLT_LINUX_SLL2) < 0)
		log_debug("%s: %s", d->name, pcap_geterr(d->pcap));
	if (d->packet_socket)
		return prepare_socket(d, why, size);
	if (d->fanout)
		return failed_in_group(d, why, size,
				       "only the packets of a network interface can be shared");
	return set_direction(d, why, size);
}

static int compile(struct pcap_handle *d, const char *filter, char *why, size_t size)
{
	char text[PCAP_ERRBUF_SIZE];
	int r = filter_compile(d->pcap, filter, &d->program, text, sizeof(text));

	if (r == 0)
		return 0;
	snprintf(why, size, "%s: filter '%s': %s (link type %s)", d->name, filter, text,
		 pcap_handle_link_name(d));
	return r == FILTER_E_NAME ? CAPTURE_E_NAME : CAPTURE_E_FILTER;
}

/* ---- a filter that the kernel does not take ---- */

static const char *reason_of(int err)
{
	switch (err) {
	case -E2BIG:
		return "it has more than 4096 instructions";
	case -ENOMEM:
		return "net.core.optmem_max is too small for it";
	default:
		return "it looks where the kernel cannot";
	}
}

/* What only the kernel knows of a packet (its VLAN tag, mostly) is to be found in its bytes. */
static int compile_for_bytes(struct pcap_handle *d, const char *filter, int err, char *why,
			     size_t size)
{
	pcap_t *dead = pcap_open_dead(pcap_datalink(d->pcap), PACKET_MAX_LEN);
	char text[PCAP_ERRBUF_SIZE];
	int r = -ENOMEM;

	pcap_freecode(&d->program);
	if (dead) {
		r = filter_compile(dead, filter, &d->program, text, sizeof(text));
		pcap_close(dead);
	}
	if (r == 0 || r == -ENOMEM)
		return r;
	snprintf(why, size,
		 "%s: filter '%s': the kernel does not take it, as %s, nor can it be "
		 "applied elsewhere: %s",
		 d->name, filter, reason_of(err), text);
	return CAPTURE_E_FILTER;
}

static int take_over(struct pcap_handle *d, const struct capture_options *opt, int err, char *why,
		     size_t size)
{
	struct capture_options whole = *opt;
	int r = 0;

	d->filter = DEVICE_FILTER_HERE;
	if (kernel_filter_is_needed(&d->program))
		r = compile_for_bytes(d, opt->filter, err, why, size);
	if (r == 0 && pcap_snapshot(d->pcap) < PACKET_MAX_LEN) {
		pcap_close(d->pcap);
		d->pcap = NULL;
		whole.snaplen = PACKET_MAX_LEN;
		r = open_once(d, &whole, why, size);
	}
	if (r == 0)
		log_warn("%s: the kernel does not take the filter, as %s: pycapa applies it, and "
			 "every packet goes through the capture buffer",
			 d->name, reason_of(err));
	return r;
}

static int for_direction(const struct pcap_handle *d, struct bpf_program *out,
			 const struct bpf_program *program)
{
	return kernel_filter_for_direction(out, program, pcap_datalink(d->pcap), d->direction);
}

static int probe(const struct pcap_handle *d)
{
	struct bpf_program directed;
	int r = for_direction(d, &directed, &d->program);

	if (r == 0)
		r = kernel_filter_probe(&directed);
	pcap_freecode(&directed);
	return r;
}

int pcap_handle_open(struct pcap_handle *d, const struct capture_options *opt, char *why,
		     size_t size)
{
	int err, r;

	*d = (struct pcap_handle){
		.snaplen = opt->snaplen ? opt->snaplen : PACKET_MAX_LEN,
		.direction = opt->direction,
		.nanoseconds = opt->precision == CONFIG_PRECISION_NANO,
		.own_clock = time_stamps_are_own(opt->time_stamp_type),
		.fanout = opt->fanout,
	};
	snprintf(d->name, sizeof(d->name), "%s", opt->interface);
	d->any = !strcmp(d->name, "any");
	r = open_once(d, opt, why, size);
	if (r == 0)
		r = compile(d, opt->filter ? opt->filter : "", why, size);
	if (r != 0)
		return r;
	d->filter = d->packet_socket ? DEVICE_FILTER_KERNEL : DEVICE_FILTER_LIBPCAP;
	/* Asked here, as libpcap would write a line of its own to stderr. */
	err = d->packet_socket ? probe(d) : 0;
	return err < 0 ? take_over(d, opt, err, why, size) : 0;
}

static int install(struct pcap_handle *d, struct bpf_program *program, char *why, size_t size)
{
	if (pcap_setfilter(d->pcap, program) < 0)
		return failed_here(d, why, size, pcap_geterr(d->pcap));
	return 0;
}

static bool is_cooked(const struct pcap_handle *d)
{
	int dlt = pcap_datalink(d->pcap);

	return dlt == DLT_LINUX_SLL || dlt == DLT_LINUX_SLL2;
}

/*
 * libpcap would also apply it itself to what the ring's first block holds, and there finds no match
 * for what only the kernel knows: `inbound` lost those packets. Of a cooked device it has to make
 * the kernel's offsets out of those in a header that the kernel does not see.
 *
 * The filter is the very next step after the join: what comes in between is lost.
 */
static int install_in_kernel(struct pcap_handle *d, const struct bpf_program *program, char *why,
			     size_t size)
{
	struct bpf_program directed;
	int r = for_direction(d, &directed, program);

	if (r == 0)
		r = join_group(d, why, size);
	if (r == 0 && is_cooked(d)) {
		r = install(d, &directed, why, size);
	} else if (r == 0) {
		r = kernel_filter_attach(pcap_fileno(d->pcap), &directed);
		if (r < 0)
			r = failed_here(d, why, size, strerror(-r));
	}
	pcap_freecode(&directed);
	return r;
}

static int install_all(struct pcap_handle *d, char *why, size_t size)
{
	struct bpf_program all;
	int r;

	if (pcap_compile(d->pcap, &all, "", 1, PCAP_NETMASK_UNKNOWN) < 0)
		return failed_here(d, why, size, pcap_geterr(d->pcap));
	r = install_in_kernel(d, &all, why, size);
	pcap_freecode(&all);
	return r;
}

/* Also an empty filter: without one the kernel does not cut packets to the snaplen. */
int pcap_handle_begin(struct pcap_handle *d, char *why, size_t size)
{
	int r;

	if (d->filter == DEVICE_FILTER_HERE)
		return install_all(d, why, size);
	if (!d->packet_socket)
		return install(d, &d->program, why, size);
	r = install_in_kernel(d, &d->program, why, size);
	/* On `any` libpcap finds that the kernel's packets have no such place. */
	if (r == 0 && !kernel_filter_is_set(pcap_fileno(d->pcap)))
		d->filter = DEVICE_FILTER_LIBPCAP;
	return r;
}

int pcap_handle_adopt(struct pcap_handle *d, struct pcap_handle *other)
{
	struct bpf_program directed, program = d->program;
	int r;

	if (d->filter != DEVICE_FILTER_KERNEL || other->filter != DEVICE_FILTER_KERNEL ||
	    is_cooked(d))
		return -ENOTSUP;
	r = for_direction(d, &directed, &other->program);
	if (r == 0)
		r = kernel_filter_attach(pcap_fileno(d->pcap), &directed);
	pcap_freecode(&directed);
	if (r == 0) {
		d->program = other->program;
		other->program = program;
	}
	return r;
}

/* ---- what it is ---- */

enum capture_link pcap_handle_look(const struct pcap_handle *d)
{
	struct netdev dev;

	if (!d->packet_socket || d->any)
		return CAPTURE_LINK_UP;
	if (!netdev_find(d->name, &dev) || dev.index != netdev_bound_index(pcap_fileno(d->pcap)))
		return CAPTURE_LINK_GONE;
	if (dev.hardware_type != d->hardware_type)
		return CAPTURE_LINK_CHANGED;
	return dev.flags & IFF_UP ? CAPTURE_LINK_UP : CAPTURE_LINK_DOWN;
}

const char *pcap_handle_link_name(const struct pcap_handle *d)
{
	const char *name = pcap_datalink_val_to_description(pcap_datalink(d->pcap));

	return name ? name : "unknown";
}

void pcap_handle_close(struct pcap_handle *d)
{
	pcap_freecode(&d->program);
	if (d->pcap)
		pcap_close(d->pcap);
	d->pcap = NULL;
}

int pcap_handle_close_all_but_socket(struct pcap_handle *d)
{
	int fd = d->pcap ? fcntl(pcap_fileno(d->pcap), F_DUPFD_CLOEXEC, 0) : -1;

	pcap_handle_close(d);
	return fd;
}
