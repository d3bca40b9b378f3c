"""The hand-written topics fit the articles: every one has a topic, and articles on one subject share a group."""

from embedlab import data


def test_every_article_has_a_topic_and_a_group_in_order():
    topics = data.wikipedia_topics()
    assert topics.index.equals(data.wikipedia_articles().index) and topics.index.name == "title"
    assert list(topics.columns) == ["topic", "group"] and (topics.dtypes == "str").all()
    assert topics["topic"].value_counts().to_dict() == {
        "Science": 35, "Places": 19, "Society": 19, "Other": 18, "Arts": 15,
    }  # fmt: skip


def test_a_group_has_one_topic_and_unites_articles_on_one_subject():
    topics = data.wikipedia_topics()
    named = topics[topics["topic"] != "Other"]
    assert named.groupby("group")["topic"].nunique().max() == 1
    assert (named["group"] == "Angola").sum() == 7
    assert named["group"].nunique() == 75
