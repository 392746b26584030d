from __future__ import annotations

import csv
import io
import json

import nbformat
import pyarrow.parquet as pq

from wherobots_storage.commands import samples
from wherobots_storage.commands.demo import TENANCY, fill_store
from wherobots_storage.objectstore.memory import MemoryStore
from wherobots_storage.objectstore.store import iterate_keys


def test_the_files_are_the_same_every_time() -> None:
    """Two runs of the script make the same bytes."""
    assert samples.shared_files() == samples.shared_files()


def test_the_formats_agree_with_each_other() -> None:
    """CSV, GeoJSON and Parquet tell of the same stations, in their own way."""
    files = samples.shared_files()
    rows = list(csv.DictReader(io.StringIO(files["stations.csv"].decode())))
    features = json.loads(files["stations.geojson"])["features"]
    readings = pq.read_table(io.BytesIO(files["readings.parquet"]))
    assert len(rows) == len(features) == samples.STATIONS
    assert [row["name"] for row in rows] == [feature["properties"]["name"] for feature in features]
    longitude, latitude = features[0]["geometry"]["coordinates"]
    assert (float(rows[0]["longitude"]), float(rows[0]["latitude"])) == (longitude, latitude)
    assert -180 <= longitude <= 180
    assert readings.num_rows == samples.STATIONS * samples.DAYS
    assert set(readings["station"].to_pylist()) == {int(row["id"]) for row in rows}


def test_the_notebooks_are_valid() -> None:
    """Both notebooks pass Jupyter's own check of the format."""
    for made in (samples.explore_notebook(), samples.welcome_notebook()):
        nbformat.validate(json.loads(made))


def test_filling_makes_the_tree_and_the_samples(memory_store: MemoryStore) -> None:
    """The areas are marked, except the mirror, which is the agent's; the samples are shared."""
    fill_store(memory_store)
    keys = {getattr(entry, "key", "") for entry in iterate_keys(memory_store, TENANCY.root.prefix)}
    assert keys == {
        "my-org/data/customer-demo/",
        "my-org/data/shared/",
        "my-org/data/shared/Explore the shared data.ipynb",
        "my-org/data/shared/readings.parquet",
        "my-org/data/shared/stations.csv",
        "my-org/data/shared/stations.geojson",
        "my-org/notebooks/shared/",
        "my-org/spark-logs/",
    }


def test_filling_again_overwrites_nothing(memory_store: MemoryStore) -> None:
    """What somebody made of a sample stays."""
    fill_store(memory_store)
    memory_store.put("my-org/data/shared/stations.csv", b"mine now")
    fill_store(memory_store)
    assert memory_store.head("my-org/data/shared/stations.csv").size == len(b"mine now")
