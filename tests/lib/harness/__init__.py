# SPDX-License-Identifier: Apache-2.0
"""What the test suites share: a Kafka broker, network namespaces, traffic, pycapa, witnesses."""
