"""Sample data for the demo: a CSV, a GeoJSON, a Parquet file and notebooks that read them.

Made by this script, the same on every run: the numbers come of a fixed seed and the places are
invented, so that nothing has to be downloaded and nobody's data is shipped.
"""

from __future__ import annotations

import csv
import io
import json
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, fields

from wherobots_storage.errors import NotSupported

SEED = 20_240
STATIONS = 120
DAYS = 30
_FIRST = ("North", "South", "East", "West", "Upper", "Lower", "Old", "New", "Great", "Little")
_LAST = ("Haven", "Ridge", "Ford", "Mill", "Bay", "Cross", "Field", "Wood", "Bridge", "Moor")
_WEST, _SOUTH, _EAST, _NORTH = -3.0, 51.0, 1.0, 55.0


@dataclass(frozen=True, slots=True)
class Station:
    """An invented weather station: longitude and latitude in degrees, height in metres."""

    id: int
    name: str
    longitude: float
    latitude: float
    height: int


def shared_files() -> Mapping[str, bytes]:
    """The files of the shared folder, by name. Raises NotSupported without pyarrow."""
    found = list(stations())
    return {
        "stations.csv": stations_csv(found),
        "stations.geojson": stations_geojson(found),
        "readings.parquet": readings_parquet(found),
        "Explore the shared data.ipynb": explore_notebook(),
    }


def stations() -> Iterator[Station]:
    """The stations, always the same."""
    draw = random.Random(SEED)  # noqa: S311 - sample data, not secrets
    for number in range(1, STATIONS + 1):
        yield Station(
            id=number,
            name=f"{draw.choice(_FIRST)} {draw.choice(_LAST)} {number}",
            longitude=round(draw.uniform(_WEST, _EAST), 5),
            latitude=round(draw.uniform(_SOUTH, _NORTH), 5),
            height=draw.randrange(600),
        )


def stations_csv(found: list[Station]) -> bytes:
    """The stations as CSV with a header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(field.name for field in fields(Station))
    writer.writerows(astuple(station) for station in found)
    return text.getvalue().encode("utf-8")


def stations_geojson(found: list[Station]) -> bytes:
    """The stations as a GeoJSON FeatureCollection of points (RFC 7946: longitude first)."""
    features = [
        {
            "type": "Feature",
            "geometry": {
                "type": "Point",
                "coordinates": [station.longitude, station.latitude],
            },
            "properties": {
                "id": station.id,
                "name": station.name,
                "height": station.height,
            },
        }
        for station in found
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}, indent=1).encode("utf-8")


def readings_parquet(found: list[Station]) -> bytes:
    """A month of daily temperatures, in degrees Celsius, of every station, as Parquet.

    Raises NotSupported when pyarrow is not installed.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - of the demo extra, and slow to load
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError as error:
        message = "The demo needs pyarrow. Install it: pip install 'wherobots-storage[demo]'."
        raise NotSupported(message) from error
    draw = random.Random(SEED + 1)  # noqa: S311 - sample data, not secrets
    rows = [
        {"station": station.id, "day": day + 1, "celsius": _celsius(station, day, draw)}
        for station in found
        for day in range(DAYS)
    ]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return bytes(sink.getvalue())


def _celsius(station: Station, day: int, draw: random.Random) -> float:
    """Colder to the north and higher up (6.5 degrees a kilometre), with a wave of a month."""
    north = (station.latitude - _SOUTH) * 1.2
    high = station.height * 0.0065
    wave = 4 * math.sin(2 * math.pi * day / DAYS)
    return round(16 - north - high + wave + draw.gauss(0, 1), 2)


def explore_notebook() -> bytes:
    """The shared notebook: reads the three files by ``USER_S3_SHARED_PATH``."""
    return _notebook(
        "# Explore the shared data\n\n"
        "Everybody in the organisation sees `/data/shared/`. A notebook finds it in the variable "
        "`USER_S3_SHARED_PATH`, which ends with a slash: concatenate a name to it.",
        _CODE_OPEN,
        "stations = list(csv.DictReader(io.StringIO(read('stations.csv').decode())))\n"
        "print(len(stations), 'stations, the first is', stations[0]['name'])",
        "features = json.loads(read('stations.geojson'))['features']\n"
        "highest = max(features, key=lambda feature: feature['properties']['height'])\n"
        "print('The highest is', highest['properties'])",
        "import pyarrow.compute as pc\n"
        "import pyarrow.parquet as pq\n\n"
        "readings = pq.read_table(io.BytesIO(read('readings.parquet')))\n"
        "print(readings.num_rows, 'readings, mean', "
        "round(pc.mean(readings['celsius']).as_py(), 2), '°C')",
    )


def welcome_notebook() -> bytes:
    """The notebook that a new home begins with: reads shared data, writes to the user's own."""
    return _notebook(
        "# Welcome\n\n"
        "This home is mirrored to the bucket: what you save here is there a moment later, and a "
        "new server finds it again. The **storage panel** in the left sidebar shows the bucket "
        "as folders; the button at the end of a row copies its full `s3://` path.",
        "import os\n\n"
        "for name in ('USER_S3_PATH', 'USER_S3_SHARED_PATH', 'USER_WAREHOUSE_PATH'):\n"
        "    print(f'{name:22}{os.environ[name]}')",
        _CODE_OPEN,
        "print(read('stations.csv').decode()[:160])",
        "bucket, _, prefix = os.environ['USER_S3_PATH'].removeprefix('s3://').partition('/')\n"
        "s3.put_object(Bucket=bucket, Key=prefix + 'hello.txt', Body=b'Hello, bucket\\n')\n"
        "print('Look for hello.txt in your own folder of the panel.')",
    )


_CODE_OPEN = (
    "import csv\nimport io\nimport json\nimport os\n\nimport boto3\n\n"
    "s3 = boto3.client('s3')\n\n\n"
    "def read(name):\n"
    "    uri = os.environ['USER_S3_SHARED_PATH'] + name\n"
    "    bucket, _, key = uri.removeprefix('s3://').partition('/')\n"
    "    return s3.get_object(Bucket=bucket, Key=key)['Body'].read()"
)


def _notebook(title: str, *cells: str) -> bytes:
    """A notebook of one text cell and code cells, in nbformat 4.5 (cell ids are required)."""
    code: list[dict[str, object]] = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"cell-{number}",
            "metadata": {},
            "outputs": [],
            "source": source,
        }
        for number, source in enumerate(cells, start=1)
    ]
    text = {"cell_type": "markdown", "id": "cell-0", "metadata": {}, "source": title}
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    document = {
        "cells": [text, *code],
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode("utf-8")
