"""Topics of everyday reports as data: for each fact a line of the answer, and how a text says it.

Slots: {name} {other} persons, {city} {town} places far away, {day}, {n} {m} numbers, {thing}
{stuff} with number and colour, {good}, {room}, {animal}, {job}, {word} any word.
"""

from typing import NamedTuple


class Topic(NamedTuple):
    """`facts` are (line kept, sentences that say it); a report holds some of them, in order."""

    requests: tuple[str, ...]
    facts: tuple[tuple[str, tuple[str, ...]], ...]


TOPICS = (
    Topic(
        ("Write the weather report.", "Sum up the weather."),
        (
            ("rain in {city}", ("It rained in {city}.", "{city} had a wet day.")),
            (
                "sun in {town} on {day}",
                ("On {day} the sun shone in {town}.", "{town} is dry {day}."),
            ),
            ("wind: {n} km/h", ("The wind blew at {n} km/h.", "Wind of {n} km/h was felt.")),
            ("coldest: {m} degrees", ("It fell to {m} degrees.", "The night had {m} degrees.")),
        ),
    ),
    Topic(
        ("Write the match report.", "How did the match end?"),
        (
            ("{city} against {town}", ("{city} played {town}.", "The match was {town} at {city}.")),
            ("score {n} to {m}", ("It ended {n} to {m}.", "After the end it stood {n} to {m}.")),
            ("best player {name}", ("{name} played best.", "The prize went to {name}.")),
            ("without {other}", ("{other} was missing.", "They had to play without {other}.")),
        ),
    ),
    Topic(
        ("Write the lost property list.", "What was lost and found?"),
        (
            ("lost: {thing}", ("{name} misses {thing}.", "Nobody can find {thing}.")),
            ("found: {stuff}", ("{stuff} turned up.", "Somebody brought {stuff}.")),
            ("place: {room}", ("It was in the {room}.", "The {room} was searched.")),
            ("call {other}", ("Please call {other}.", "{other} waits for your call.")),
        ),
    ),
    Topic(
        ("Write the invitation.", "Whom do they invite, and to what?"),
        (
            (
                "{name} and {other} invite",
                (
                    "{name} and {other} give a party.",
                    "{name} asks you to come, and so does {other}.",
                ),
            ),
            ("on {day} at {n}", ("It begins at {n} on {day}.", "Come {day} at {n}.")),
            ("in the {room}", ("We meet in the {room}.", "The {room} is ready.")),
            ("bring {thing}", ("Please bring {thing}.", "We still need {thing}.")),
            ("no {good}", ("There will be no {good}.", "Leave the {good} at home.")),
        ),
    ),
    Topic(
        ("Write the letter in short.", "What does the letter say?"),
        (
            ("from {name}", ("{name} wrote a letter.", "A letter came from {name}.")),
            (
                "now in {city}",
                ("The letter was sent from {city}.", "The writer lives in {city} now."),
            ),
            (
                "works as {job}",
                ("The new work is that of a {job}.", "A {job} is what the writer became."),
            ),
            ("misses the {animal}", ("The {animal} is missed.", "How is the {animal}?")),
            ("back in {n} weeks", ("In {n} weeks we meet again.", "{n} weeks are left.")),
        ),
    ),
    Topic(
        ("Write the garden diary.", "What was done in the garden?"),
        (
            ("planted {thing}", ("{name} planted {thing}.", "In the ground went {thing}.")),
            ("picked {stuff}", ("{stuff} were ripe.", "{name} carried home {stuff}.")),
            ("saw {animal}", ("A {animal} ran by.", "There was a {animal} behind the tree.")),
            ("water on {day}", ("Water them on {day}.", "They get water every {day}.")),
        ),
    ),
    Topic(
        ("Write the delivery note.", "What is delivered?"),
        (
            (
                "to {name}, {city}",
                ("{name} of {city} gets a parcel.", "The address is {name} in {city}."),
            ),
            ("holds {thing}", ("In it are {thing}.", "It is full of {thing}.")),
            ("weight: {n} kg", ("It weighs {n} kg.", "The scales say {n} kg.")),
            ("not before {day}", ("Bring it {day} or later.", "Before {day} nobody is there.")),
            ("pays {m} coins", ("The price is {m} coins.", "Ask for {m} coins.")),
        ),
    ),
    Topic(
        ("Write the school report.", "How is the child doing?"),
        (
            ("pupil {name}", ("This is about {name}.", "{name} goes to school here.")),
            ("good at {word}", ("The best subject is {word}.", "Nobody knows more about {word}.")),
            ("late {n} times", ("{n} times the bell had rung.", "The class had begun {n} times.")),
            ("sits by {other}", ("The neighbour is {other}.", "{other} shares the bench.")),
        ),
    ),
    Topic(
        ("Write the menu.", "What is there to eat?"),
        (
            ("first: {good}", ("We begin with {good}.", "{good} comes first.")),
            ("then {thing}", ("Then you get {thing}.", "{thing} follow.")),
            ("with {stuff}", ("On the side are {stuff}.", "It comes with {stuff}.")),
            ("price: {n}", ("It costs {n}.", "You pay {n}.")),
            ("closed {day}", ("On {day} we are closed.", "Do not come on {day}.")),
        ),
    ),
    Topic(
        ("Write the house for sale notice.", "What is for sale?"),
        (
            ("house in {city}", ("A house in {city} is sold.", "They sell a house at {city}.")),
            ("{n} rooms", ("It has {n} rooms.", "You will count {n} rooms.")),
            ("new {room}", ("The {room} is new.", "They built another {room}.")),
            ("broken {word}", ("The {word} is broken.", "One must mend the {word}.")),
            ("ask {name}", ("{name} knows the price.", "Write to {name}.")),
        ),
    ),
    Topic(
        ("Write the ship's log.", "What happened at sea?"),
        (
            (
                "left {city} on {day}",
                ("On {day} we left {city}.", "{city} was behind us on {day}."),
            ),
            ("course to {town}", ("We sail to {town}.", "{town} is where we go.")),
            ("cargo: {thing}", ("On board are {thing}.", "The ship carries {thing}.")),
            ("sick: {name}", ("{name} lies in bed.", "{name} feels bad.")),
            ("speed {n}, depth {m}", ("Speed was {n} and depth {m}.", "At depth {m} we made {n}.")),
        ),
    ),
    Topic(
        ("Write the zoo news.", "What is new at the zoo?"),
        (
            (
                "young {animal} born",
                ("The {animal} had a young one.", "A young {animal} was born."),
            ),
            ("eats {good}", ("It eats only {good}.", "{good} is all it wants.")),
            ("keeper {name}", ("{name} looks after it.", "Its keeper is {name}.")),
            ("{n} visitors", ("{n} people came.", "We counted {n} visitors.")),
            ("soon to {city}", ("It will move to {city}.", "{city} has asked for it.")),
        ),
    ),
    Topic(
        ("Write the repair sheet.", "What has to be mended?"),
        (
            ("owner {name}", ("{name} brought it.", "It belongs to {name}.")),
            ("{word}: worn", ("The {word} is worn.", "One sees that the {word} is old.")),
            ("new {room} for {n}", ("A new {room} costs {n}.", "For {n} there is a new {room}.")),
            ("done by {day}", ("Come back on {day}.", "It is ready {day}.")),
        ),
    ),
    Topic(
        ("Write the witness report.", "What did the witness see?"),
        (
            ("seen by {name}", ("{name} stood at the window.", "{name} saw it all.")),
            (
                "a {job} with {thing}",
                ("A {job} had {thing}.", "{thing} were in the hands of a {job}."),
            ),
            ("went to the {room}", ("The way led to the {room}.", "All ran to the {room}.")),
            ("heard no {animal}", ("No {animal} was heard.", "The {animal} was still.")),
            ("at {n}:{m}", ("The clock showed {n}:{m}.", "It was {n}:{m}.")),
        ),
    ),
)
