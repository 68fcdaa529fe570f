/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Kafka broker for the demo, without Java: librdkafka's mock cluster.
 *
 * Prints its bootstrap servers on stdout and serves until standard input closes or a signal ends
 * it. Topics make themselves at their first use. It keeps the last 5 MiB of each partition.
 */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>

int main(void)
{
	char errstr[256];
	rd_kafka_mock_cluster_t *cluster;
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, NULL, errstr, sizeof(errstr));

	if (!rk) {
		fprintf(stderr, "demo-broker: %s\n", errstr);
		return 1;
	}
	cluster = rd_kafka_mock_cluster_new(rk, 1);
	if (!cluster) {
		fprintf(stderr, "demo-broker: cannot start the mock cluster\n");
		rd_kafka_destroy(rk);
		return 1;
	}
	printf("%s\n", rd_kafka_mock_cluster_bootstraps(cluster));
	fflush(stdout);
	while (getchar() != EOF)
		;
	rd_kafka_mock_cluster_destroy(cluster);
	rd_kafka_destroy(rk);
	return 0;
}
